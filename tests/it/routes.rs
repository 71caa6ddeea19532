//! The routes beside publishing, and what every answer carries.

use http::Method;
use serde_json::json;

use crate::harness::http::Request;
use crate::harness::{App, Relay, Subscriber, TokenText, now};

#[tokio::test]
async fn unknown_routes_and_methods_are_told_apart() {
    let relay = Relay::start();
    relay
        .http
        .get("/nothing")
        .await
        .expect_problem(404, "not_found");
    for (method, path) in [
        (Method::GET, "/events"),
        (Method::DELETE, "/events"),
        (Method::PUT, "/events/batch"),
        (Method::POST, "/healthz"),
        (Method::GET, "/socket/auth"),
    ] {
        let answer = relay.http.send(Request::new(method, path)).await;
        answer.expect_problem(405, "method_not_allowed");
        assert!(answer.header("allow").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_healthy_relay_says_so() {
    let relay = Relay::start();
    relay.http.get("/healthz").await.expect(200);
    relay.http.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn answers_tell_browsers_to_be_careful() {
    let relay = Relay::start();
    for path in ["/healthz", "/docs", "/openapi.json", "/nothing", "/events"] {
        let answer = relay.http.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert!(answer.header("referrer-policy").is_some(), "{path}");
        assert!(
            answer.header("strict-transport-security").is_none(),
            "{path}: plain http"
        );
    }
    let docs = relay.http.get("/docs").await;
    let policy = docs.expect(200).header("content-security-policy").unwrap();
    assert!(policy.contains("default-src"), "{policy}");
    assert!(!policy.contains("http"), "the page works offline: {policy}");
}

#[tokio::test]
async fn metrics_count_without_naming_anybody() {
    let relay = Relay::start();
    let (mut client, _) =
        Subscriber::join(relay.address, &relay.app.token("account-7", "session-7")).await;
    relay.publish_range("session-7", 1, 3).await;
    client.expect_numbers(1, 3).await;
    relay
        .http
        .send(Request::post("/events").body("{}"))
        .await
        .expect(401);
    let metrics = relay.http.get("/metrics").await.expect(200).text();
    for name in [
        "publish_latency",
        "connected_clients",
        "events_per_session",
        "errors_by_type",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    let connected = metrics
        .lines()
        .find(|line| line.contains("connected_clients") && !line.starts_with('#'));
    assert!(
        connected.is_some_and(|line| line.ends_with(" 1")),
        "{connected:?}"
    );
    assert!(!metrics.contains("session-7") && !metrics.contains("account-7"));
    client.leave().await;
}

#[tokio::test]
async fn a_gateway_can_check_a_token() {
    let relay = Relay::start();
    let check = |token: String| {
        let body = json!({ "token": token }).to_string();
        relay.http.send(
            Request::post("/socket/auth")
                .header("content-type", "application/json")
                .body(body),
        )
    };
    let answer = check(
        TokenText::new("alice", "s")
            .with("jti", "j-1")
            .signed(&relay.app.key()),
    )
    .await;
    answer.expect(200);
    let answer = answer.json();
    assert_eq!(answer["app"], "default");
    assert_eq!(answer["claims"]["sub"], "alice");
    assert_eq!(answer["claims"]["sessionId"], "s");
    assert_eq!(answer["claims"]["jti"], "j-1");
    assert_eq!(answer["expiresAt"], answer["claims"]["exp"]);
    check("garbage".to_owned())
        .await
        .expect_problem(401, "token_invalid");
    let expired = TokenText::new("alice", "s")
        .with("iat", now() - 100)
        .with("exp", now() - 20);
    check(expired.signed(&relay.app.key()))
        .await
        .expect_problem(401, "token_expired");
    check(App::named("stranger").token("alice", "s"))
        .await
        .expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn tokens_are_minted_only_where_an_app_turned_it_on() {
    let wish = json!({ "accountId": "alice", "sessionId": "s" }).to_string();
    let relay = Relay::start();
    relay
        .http
        .send(relay.app.signed("/tokens", wish.clone()))
        .await
        .expect_problem(404, "not_found");

    let relay = Relay::with("mint_tokens = true");
    let answer = relay
        .http
        .send(relay.app.signed("/tokens", wish.clone()))
        .await;
    let answer = answer.expect(200).json();
    let token = answer["token"].as_str().unwrap();
    let (_, ready) = Subscriber::join(relay.address, token).await;
    assert_eq!(answer["expiresAt"], ready.expires_at);
    let short = json!({ "accountId": "alice", "sessionId": "s", "expiresIn": 60 }).to_string();
    let answer = relay
        .http
        .send(relay.app.bearer("/tokens", short))
        .await
        .expect(200)
        .json();
    assert!(
        (now() + 58..=now() + 60).contains(&answer["expiresAt"].as_i64().unwrap()),
        "{answer}"
    );

    let unsigned = Request::post("/tokens")
        .header("content-type", "application/json")
        .body(wish);
    relay
        .http
        .send(unsigned)
        .await
        .expect_problem(401, "unauthenticated");
    for bad in [
        json!({ "accountId": "", "sessionId": "s" }),
        json!({ "accountId": "alice", "sessionId": "a b" }),
        json!({ "accountId": "alice", "sessionId": "s", "expiresIn": 301 }),
        json!({ "accountId": "alice", "sessionId": "s", "expiresIn": 0 }),
        json!({ "accountId": "alice", "sessionId": "s", "scope": ["all"] }),
        json!({ "sessionId": "s" }),
    ] {
        relay
            .http
            .send(relay.app.signed("/tokens", bad.to_string()))
            .await
            .expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn https_is_believed_only_from_a_trusted_proxy() {
    let trusting = Relay::with("trusted_proxies = [\"127.0.0.0/8\"]\nrequire_https = true");
    let plain = trusting
        .http
        .send(Request::new(Method::GET, "/openapi.json"))
        .await;
    assert!(plain.status.is_client_error(), "{}", plain.status);
    let https = Request::new(Method::GET, "/openapi.json").header("x-forwarded-proto", "https");
    let answer = trusting.http.send(https.clone()).await;
    assert!(
        answer
            .expect(200)
            .header("strict-transport-security")
            .is_some()
    );

    let wary = Relay::start();
    let answer = wary.http.send(https).await;
    assert!(
        answer
            .expect(200)
            .header("strict-transport-security")
            .is_none()
    );
}
