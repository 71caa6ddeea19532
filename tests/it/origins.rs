//! Origins are a filter for browsers; who is no browser sends none.

use serde_json::json;

use crate::harness::http::Request;
use crate::harness::{EventText, Relay};

async fn answer(relay: &Relay, origin: &str) -> Result<(), String> {
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut client = relay.opening().origin(origin).connect(&auth).await;
    match client.next().await {
        crate::harness::Said::Connected { .. } => Ok(()),
        crate::harness::Said::Refused { message, .. } => Err(message),
        other => panic!("{origin}: {other:?}"),
    }
}

#[tokio::test]
async fn custom_ui_may_connect_by_default_and_nobody_else() {
    let relay = Relay::start();
    assert_eq!(
        answer(&relay, "https://abc-123.cdn.prod.atlassian-dev.net").await,
        Ok(())
    );
    for origin in [
        "https://cdn.prod.atlassian-dev.net",
        "https://a.b.cdn.prod.atlassian-dev.net",
        "http://abc.cdn.prod.atlassian-dev.net",
        "https://abc.cdn.prod.atlassian-dev.net.evil.example",
        "https://abc.cdn.prod.atlassian-dev.net:8443",
        "https://evil.example",
        "null",
    ] {
        assert_eq!(
            answer(&relay, origin).await,
            Err("origin_denied".to_owned()),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn an_operator_says_which_origins_may_connect() {
    let relay = Relay::with("allowed_origins = [\"https://app.example\", \"http://localhost:*\"]");
    for origin in [
        "https://app.example",
        "http://localhost:3000",
        "http://localhost",
    ] {
        assert_eq!(answer(&relay, origin).await, Ok(()), "{origin}");
    }
    for origin in [
        "https://app.example:444",
        "https://localhost:3000",
        "https://x.cdn.prod.atlassian-dev.net",
    ] {
        assert_eq!(
            answer(&relay, origin).await,
            Err("origin_denied".to_owned()),
            "{origin}"
        );
    }
    let relay = Relay::with("allowed_origins = [\"*\"]");
    assert_eq!(answer(&relay, "https://anything.example").await, Ok(()));
}

#[tokio::test]
async fn publishing_is_never_shared_with_pages() {
    let relay = Relay::with("allowed_origins = [\"*\"]\nmint_tokens = true");
    for path in ["/events", "/tokens"] {
        let event = EventText::new("s").to_string();
        let request = relay
            .app
            .signed(path, event)
            .header("origin", "https://app.example");
        let answer = relay.http.send(request).await;
        assert!(
            answer.header("access-control-allow-origin").is_none(),
            "{path}"
        );
        let preflight = Request::new(http::Method::OPTIONS, path)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST");
        let answer = relay.http.send(preflight).await;
        assert!(
            answer.header("access-control-allow-origin").is_none(),
            "{path}"
        );
    }
}
