//! The outermost layer: gives each request its id, turns away plain http where https is required, catches panics,
//! writes problems, and says in one line of the log what became of it.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use forge_relay_core::Code;
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method};
use uuid::Uuid;

use super::client_address::{Client, Peer};
use super::problem::Rejection;
use super::{AppState, security_headers, session_events};

/// Carries the id that the log line and a problem's `requestId` carry too.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler learns of a request and the log line tells: the app once it is authenticated, the session once it is
/// valid. Nothing that a stranger wrote gets into a line unchecked.
#[derive(Clone, Debug)]
pub(super) struct Noted(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    id: String,
    app: OnceLock<Arc<str>>,
    session: OnceLock<String>,
}

impl Noted {
    fn new(id: String) -> Self {
        let (app, session) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Facts { id, app, session }))
    }

    /// The request's id.
    pub(super) fn id(&self) -> &str {
        &self.0.id
    }

    /// The app, once it is known.
    pub(super) fn app_id(&self) -> Option<&str> {
        self.0.app.get().map(|id| &**id)
    }

    pub(super) fn app(&self, id: &Arc<str>) {
        let _ = self.0.app.set(Arc::clone(id));
    }

    pub(super) fn session(&self, id: impl Into<String>) {
        let _ = self.0.session.set(id.into());
    }
}

pub(super) async fn outermost(
    State(state): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7().hyphenated().to_string();
    let method = request.method().clone();
    let route = route(request.uri().path());
    let client = request
        .extensions()
        .get::<Peer>()
        .map(|peer| Client::behind(*peer, request.headers(), &state.trusted_proxies));
    let https = client.is_some_and(|client| client.https);
    let noted = Noted::new(id.clone());
    request.extensions_mut().insert(noted.clone());
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }

    let refused = if state.require_https && !https && !is_probe(route) {
        Some(Rejection::new(
            Code::HttpsRequired,
            "send this request over https",
        ))
    } else if method == Method::POST
        && let Some(client) = client
    {
        state
            .rates
            .request(client.address)
            .err()
            .map(Rejection::from)
    } else {
        None
    };
    let mut response = if let Some(rejection) = refused {
        rejection.into_response()
    } else {
        AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                // What it was is in the panic's own log line; a client is told no internals.
                Rejection::new(
                    Code::ServerError,
                    "this is a fault of the relay: its log says more under the request's id",
                )
                .into_response()
            })
    };

    let rejection = response.extensions_mut().remove::<Rejection>();
    if let Some(rejection) = &rejection {
        rejection.write(&id, &mut response);
        state.metrics.error(rejection.code.as_str());
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    security_headers::add(headers, https);

    let line = Line {
        id: &id,
        method: method.as_str(),
        route,
        status: response.status().as_u16(),
        code: rejection.as_ref().map(|rejection| rejection.code.as_str()),
        app: noted.app_id(),
        session: noted.0.session.get().map(String::as_str),
        client: client.map(|client| client.address.to_string()),
        ms: started.elapsed().as_secs_f64() * 1e3,
    };
    line.write();
    response
}

struct Line<'a> {
    id: &'a str,
    method: &'a str,
    route: &'static str,
    status: u16,
    code: Option<&'static str>,
    app: Option<&'a str>,
    session: Option<&'a str>,
    client: Option<String>,
    ms: f64,
}

impl Line<'_> {
    /// Absent fields are left out. A probe that is content says so at `debug` only: it comes every second.
    fn write(&self) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "forge_relay::request",
                    id = self.id,
                    method = self.method,
                    route = self.route,
                    status = self.status,
                    code = self.code,
                    app = self.app,
                    session = self.session,
                    client = self.client.as_deref(),
                    ms = (self.ms * 1e3).round() / 1e3,
                    "request"
                )
            };
        }
        match self.status {
            500 => line!(error),
            200..=299 if is_probe(self.route) => line!(debug),
            _ => line!(info),
        }
    }
}

/// The path as the log may show it: a known one, or that it is none. What a stranger writes into a path, or a careless
/// client into a query, stays out.
fn route(path: &str) -> &'static str {
    const ROUTES: [&str; 9] = [
        "/events",
        "/events/batch",
        "/tokens",
        "/socket/auth",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
    ];
    if path.starts_with("/docs/") {
        return "/docs/{file}";
    }
    if path.starts_with("/sessions/") && path.ends_with("/events") {
        return session_events::PATH;
    }
    ROUTES
        .into_iter()
        .find(|route| *route == path)
        .unwrap_or("-")
}

/// What load balancers and Prometheus ask from inside the network, past the proxy that speaks https. None of it is secret.
fn is_probe(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz" | "/metrics")
}
