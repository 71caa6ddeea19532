use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::StreamBody;

use super::*;

const POSTS: [&str; 4] = ["/events", "/events/batch", "/tokens", "/socket/auth"];
const GETS: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
];

fn all_on() -> Relay {
    let mut setup = Setup::new();
    setup.apps[0].mint_tokens = true;
    setup.start()
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let relay = all_on();
    for path in [
        "/",
        "/event",
        "/events/",
        "/events/batch/x",
        "/docs/../Cargo.toml",
        "/docs/x",
        "/socket.io/",
    ] {
        relay.get(path).await.refuses(404, "not_found");
        let post = Request::post(path).body(Body::empty()).unwrap();
        let status = relay.send(post).await.status.as_u16();
        assert!(matches!(status, 404 | 405), "{path}: {status}");
    }
}

#[tokio::test]
async fn another_method_is_405_and_says_which_there_are() {
    let relay = all_on();
    for (paths, allowed) in [(&POSTS[..], "POST"), (&GETS[..], "GET,HEAD")] {
        for path in paths {
            for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"] {
                let request = Request::builder().method(method).uri(*path);
                let request = request.header("origin", "https://a.cdn.prod.atlassian-dev.net");
                let answer = relay.send(request.body(Body::empty()).unwrap()).await;
                answer.refuses(405, "method_not_allowed");
                assert_eq!(answer.header("allow"), allowed, "{method} {path}");
            }
        }
    }
    for path in GETS {
        let head = Request::head(path).body(Body::empty()).unwrap();
        assert_eq!(relay.send(head).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_by_its_type_is_415() {
    let relay = all_on();
    let bearer = format!("Bearer {SECRET}");
    for path in POSTS {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/jsonp"),
            Some(""),
            Some("application/json, text/plain"),
        ] {
            let mut request = Request::post(path).header("authorization", &bearer);
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let answer = relay.send(request.body(event_text().into()).unwrap()).await;
            answer.refuses(415, "unsupported_media_type");
        }
        let packed = [
            ("authorization", bearer.as_str()),
            ("content-encoding", "gzip"),
        ];
        relay
            .post(path, &packed, "x")
            .await
            .refuses(415, "unsupported_media_type");
    }
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=utf-8",
    ] {
        let request = Request::post("/events")
            .header("authorization", &bearer)
            .header("content-type", kind);
        let answer = relay.send(request.body(event_text().into()).unwrap()).await;
        assert_eq!(answer.status, 202, "{kind}");
    }
}

#[tokio::test]
async fn the_checks_run_in_the_order_of_the_contract() {
    let relay = all_on();
    let send = |authorized: bool, json: bool, body: String| {
        let mut request = Request::post("/events");
        if authorized {
            request = request.header("authorization", format!("Bearer {SECRET}"));
        }
        request = request.header(
            "content-type",
            if json {
                "application/json"
            } else {
                "text/plain"
            },
        );
        relay.send(request.body(body.into()).unwrap())
    };
    let large = "x".repeat(128 * 1024 + 1);
    send(false, false, large).await.refuses(413, "too_large");
    send(false, false, "{".into())
        .await
        .refuses(401, "unauthenticated");
    send(true, false, "{".into())
        .await
        .refuses(415, "unsupported_media_type");
    send(true, true, "{".into()).await.refuses(400, "bad_json");
    send(true, true, "{}".into()).await.refuses(422, "invalid");
}

#[tokio::test]
async fn a_body_has_a_limit_whether_it_says_its_length_or_not() {
    let relay = all_on();
    for (path, limit) in [
        ("/events", 128 * 1024),
        ("/events/batch", 1024 * 1024),
        ("/tokens", 16 * 1024),
    ] {
        let fits = relay.publish(path, " ".repeat(limit)).await;
        assert_eq!(fits.status, 400, "{path}: {fits:?}");
        relay
            .publish(path, " ".repeat(limit + 1))
            .await
            .refuses(413, "too_large");
        let chunk = || Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(vec![b' '; 1000])));
        let chunks = futures_util::stream::iter((0..=limit / 1000).map(move |_| chunk()));
        relay
            .publish(path, Body::new(StreamBody::new(chunks)))
            .await
            .refuses(413, "too_large");
        // What was announced is believed before anything is read.
        let announced = [("authorization", "x"), ("content-length", "99999999999")];
        relay
            .post(path, &announced, "")
            .await
            .refuses(413, "too_large");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_and_one_that_breaks_off_400() {
    let relay = all_on();
    for path in POSTS {
        let never = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
        relay
            .publish(path, Body::new(StreamBody::new(never)))
            .await
            .refuses(408, "request_timeout");
        let broken = futures_util::stream::iter([
            Ok(http_body::Frame::data(Bytes::from_static(b"{"))),
            Err(std::io::Error::other("reset")),
        ]);
        relay
            .publish(path, Body::new(StreamBody::new(broken)))
            .await
            .refuses(400, "bad_request");
    }
}

async fn panics() {
    panic!("an internal that nobody is to see")
}

#[tokio::test]
async fn a_panic_is_500_and_tells_nothing() {
    let state = Setup::new();
    let metrics = Arc::new(Metrics::new());
    let shared = Arc::new(AppState {
        apps: Arc::new(Apps::new(state.apps, &state.limits)),
        hub: hub(&state.limits, 1, &Arc::new(Metrics::new())),
        metrics: Arc::clone(&metrics),
        limits: Arc::new(state.limits),
        ready: Arc::default(),
        trusted_proxies: Vec::new(),
        require_https: false,
        rates: Arc::new(RateLimits::new(Rates::from(&limits()))),
        clock: Clock::Still(NOW),
        streams: Arc::new(Streams::new(Arc::clone(&metrics))),
        envelope,
    });
    let outermost =
        axum::middleware::from_fn_with_state(shared, crate::http::request_log::outermost);
    let router = Router::new()
        .route("/events", axum::routing::post(panics))
        .layer(outermost);
    let relay = Relay {
        router,
        ready: Arc::default(),
        metrics,
    };
    let answer = relay.publish("/events", "").await;
    answer.refuses(500, "server_error");
    assert!(!answer.text.contains("internal that"), "{answer:?}");
    assert!(
        relay
            .metrics
            .encode()
            .contains("errors_by_type_total{type=\"server_error\"} 1\n")
    );
}

#[tokio::test]
async fn every_answer_carries_an_id_and_the_security_headers_and_never_cors() {
    let relay = all_on();
    let mut ids = std::collections::HashSet::new();
    for path in POSTS.iter().chain(&GETS).chain(&["/nothing"]) {
        for method in ["GET", "POST", "OPTIONS"] {
            let request = Request::builder().method(method).uri(*path);
            let request = request
                .header("origin", "https://a.cdn.prod.atlassian-dev.net")
                .header("access-control-request-method", "POST");
            let answer = relay.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
            assert!(
                answer
                    .headers
                    .keys()
                    .all(|name| !name.as_str().starts_with("access-control"))
            );
            assert!(!answer.headers.contains_key("strict-transport-security"));
            assert!(
                ids.insert(answer.header("x-request-id").to_owned()),
                "an id came twice"
            );
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_https_is_seen_and_can_be_required() {
    let mut setup = Setup::new();
    setup.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    setup.require_https = true;
    let relay = setup.start();
    let request = |proto: &str| {
        let request = Request::post("/events")
            .header("authorization", format!("Bearer {SECRET}"))
            .header("content-type", "application/json")
            .header("x-forwarded-for", "198.51.100.7")
            .header("x-forwarded-proto", proto);
        request.body(Body::from(event_text())).unwrap()
    };
    let https = relay.send_from("10.1.2.3:1", request("https")).await;
    assert_eq!(https.status, 202, "{https:?}");
    assert_eq!(
        https.header("strict-transport-security"),
        "max-age=31536000"
    );
    relay
        .send_from("10.1.2.3:1", request("http"))
        .await
        .refuses(403, "https_required");
    relay
        .send_from("203.0.113.9:1", request("https"))
        .await
        .refuses(403, "https_required");
    // Load balancers and Prometheus ask from inside, past the proxy.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(relay.get(path).await.status, 200, "{path}");
    }
    relay.get("/docs").await.refuses(403, "https_required");
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let mut setup = Setup::new();
    setup.rates.requests_per_address = 2;
    let relay = setup.start();
    for _ in 0..10 {
        assert_eq!(relay.publish("/events", event_text()).await.status, 202);
    }
    let answer = relay.post("/socket/auth", &[], "{").await;
    answer.refuses(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(relay.get("/healthz").await.status, 200);

    let mut setup = Setup::new();
    setup.rates.publish_per_session = 1;
    let relay = setup.start();
    let batch = json!(vec![event(); 100]).to_string();
    assert_eq!(
        relay.publish("/events/batch", batch.clone()).await.status,
        202
    );
    relay
        .publish("/events/batch", batch)
        .await
        .refuses(429, "rate_limited");
}
