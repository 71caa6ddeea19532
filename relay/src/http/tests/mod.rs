//! The routes, through the router, without a socket. Every answer is held against the OpenAPI document on its way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod errors;
mod events;
mod log;
mod operations;
mod publishers;
mod reads;
mod socket_auth;
mod tokens;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use forge_relay_core::{KeyRing, SessionId, signature, token};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{AppState, Clock, Peer, Readiness, Streams, openapi, router};
use crate::app::Apps;
use crate::auth::{OriginPattern, RateLimits, Rates};
use crate::config::{AppConfig, Config, Limits};
use crate::metrics::Metrics;
use crate::session::{Hub, HubLimits, LogLimits};
use crate::socket::{encode_event, envelope};
use crate::store::{MemoryStore, NonceLimits, Store};

/// 2024-05-01T10:00:00Z.
const NOW: i64 = 1_714_557_600;
const SECRET: &str = "a-secret-of-the-first-app-32-bytes-long";
const OLD_SECRET: &str = "the-old-secret-of-the-first-app-32-bytes";
const OTHER_SECRET: &str = "a-secret-of-the-other-app-32-bytes-long";

/// A relay to talk to, and what is at hand of it.
struct Relay {
    router: Router,
    ready: Arc<Readiness>,
    metrics: Arc<Metrics>,
}

/// What a test may want otherwise.
struct Setup {
    apps: Vec<AppConfig>,
    limits: Limits,
    trusted_proxies: Vec<ipnet::IpNet>,
    require_https: bool,
    rates: Rates,
}

impl Setup {
    fn new() -> Self {
        Self {
            apps: vec![app("default", &format!("{SECRET}, {OLD_SECRET}"))],
            limits: limits(),
            trusted_proxies: Vec::new(),
            require_https: false,
            rates: Rates::from(&limits()),
        }
    }

    fn two_apps() -> Self {
        Self {
            apps: vec![app("one", SECRET), app("two", OTHER_SECRET)],
            ..Self::new()
        }
    }

    fn start(self) -> Relay {
        let ready = Arc::new(Readiness::default());
        let metrics = Arc::new(Metrics::new());
        let app_count = self.apps.len();
        let router = router(AppState {
            apps: Arc::new(Apps::new(self.apps, &self.limits)),
            hub: hub(&self.limits, app_count, &metrics),
            metrics: Arc::clone(&metrics),
            limits: Arc::new(self.limits),
            ready: Arc::clone(&ready),
            trusted_proxies: self.trusted_proxies,
            require_https: self.require_https,
            rates: Arc::new(RateLimits::new(self.rates)),
            clock: Clock::Still(NOW),
            streams: Arc::new(Streams::new(Arc::clone(&metrics))),
            envelope,
        });
        Relay {
            router,
            ready,
            metrics,
        }
    }
}

fn hub(limits: &Limits, apps: usize, metrics: &Arc<Metrics>) -> Arc<Hub> {
    let log = LogLimits {
        events: limits.log_events,
        age: limits.log_age,
        bytes: limits.log_bytes,
    };
    let hub_limits = HubLimits {
        log,
        all_logs: limits.all_logs,
        idle: limits.idle_session,
        patience: Duration::from_secs(1),
    };
    let nonces = NonceLimits {
        age: limits.nonce_age,
        bytes: limits.nonce_memory,
    };
    Arc::new(Hub::new(
        hub_limits,
        encode_event,
        Arc::clone(metrics),
        |announce| -> Arc<dyn Store> { Arc::new(MemoryStore::new(apps, nonces, announce)) },
    ))
}

/// The defaults, except that no test waits long for a body.
fn limits() -> Limits {
    let config = Config::from_toml(&format!("secret = '{SECRET}'")).unwrap();
    Limits {
        body_deadline: Duration::from_millis(50),
        ..config.limits
    }
}

fn app(id: &str, secrets: &str) -> AppConfig {
    let keys = KeyRing::parse(secrets).unwrap();
    AppConfig {
        id: id.to_owned(),
        token_keys: keys.clone(),
        keys,
        allowed_origins: vec![
            OriginPattern::parse("https://*.cdn.prod.atlassian-dev.net").unwrap(),
        ],
        bearer: true,
        mint_tokens: false,
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The answer is this refusal, whole and well-formed.
    #[track_caller]
    fn refuses(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("urn:forge-relay:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert!(!problem["title"].as_str().unwrap().is_empty());
        problem
    }
}

impl Relay {
    async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from("203.0.113.9:4711", request).await
    }

    async fn send_from(&self, peer: &str, mut request: Request<Body>) -> Answer {
        let peer = Peer {
            address: peer.parse::<SocketAddr>().unwrap(),
            tls: false,
        };
        request.extensions_mut().insert(peer);
        let (method, path) = (
            request.method().to_string(),
            request.uri().path().to_owned(),
        );
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        };
        assert_documented(&method, &path, &answer);
        answer
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.send(request.body(body.into()).unwrap()).await
    }

    /// With the first app's secret.
    async fn publish(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post(
            path,
            &[("authorization", &format!("Bearer {SECRET}"))],
            body,
        )
        .await
    }

    /// A page, with this bearer and these other headers.
    async fn read(&self, path: &str, bearer: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {bearer}"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }
}

/// The document knows this status for this route, and, of a refusal, the code.
#[track_caller]
fn assert_documented(method: &str, path: &str, answer: &Answer) {
    // Made once: to make it for each answer takes so long that limits of time are no limits any more.
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(openapi::document);
    let path = if path.starts_with("/docs/") {
        "/docs/{file}"
    } else if path.starts_with("/sessions/") {
        "/sessions/{sessionId}/events"
    } else {
        path
    };
    let Some(operations) = document["paths"].get(path).and_then(Value::as_object) else {
        assert_eq!(answer.status, 404, "{path} is not documented");
        return;
    };
    let method = if method == "HEAD" {
        "get".to_owned()
    } else {
        method.to_lowercase()
    };
    // A method that the route does not have is answered the same whichever method the route does have.
    let operation = operations
        .get(&method)
        .or(operations.values().next())
        .unwrap();
    let response = &operation["responses"][answer.status.as_str()];
    assert!(
        response.is_object(),
        "{method} {path} does not document {answer:?}"
    );
    if answer.status.as_u16() >= 400 && !answer.text.is_empty() {
        let examples = &response["content"]["application/problem+json"]["examples"];
        assert!(
            examples[answer.code()].is_object(),
            "{method} {path} does not document {answer:?}"
        );
    }
    for (name, header) in response["headers"].as_object().unwrap() {
        assert!(
            answer.headers.contains_key(name),
            "{method} {path} lacks {name}: {header} {answer:?}"
        );
    }
}

fn event() -> Value {
    json!({
        "sessionId": "abc-123",
        "event": "vote.cast",
        "payload": { "value": "5" },
        "nonce": "0b9c",
        "timestamp": "2024-05-01T10:00:00Z",
    })
}

fn event_text() -> String {
    event().to_string()
}

/// The three headers of a signed request.
fn signed(secret: &str, at: i64, body: &str) -> [(String, String); 3] {
    let ring = KeyRing::parse(secret).unwrap();
    [
        ("webhook-id".to_owned(), "msg_1".to_owned()),
        ("webhook-timestamp".to_owned(), at.to_string()),
        (
            "webhook-signature".to_owned(),
            signature::sign(&ring, "msg_1", at, body.as_bytes()),
        ),
    ]
}

fn pairs(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn mint(secret: &str, at: i64, life: u32, issuer: Option<&str>) -> String {
    let new = token::NewToken {
        account_id: "acct-1",
        session_id: &SessionId::parse("abc-123").unwrap(),
        expires_in: life,
        issuer,
    };
    token::mint(&KeyRing::parse(secret).unwrap(), &new, at, "jti-1")
        .unwrap()
        .token
}
