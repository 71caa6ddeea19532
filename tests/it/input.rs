//! Bad input to the publishing routes: a whole problem document each time, and nothing delivered.

use serde_json::{Value, json};

use crate::harness::app::rfc3339;
use crate::harness::http::Request;
use crate::harness::{Answer, EventText, Relay, Subscriber, now};

async fn post(relay: &Relay, body: impl Into<Vec<u8>>) -> Answer {
    relay.http.send(relay.app.signed("/events", body)).await
}

fn fields(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap();
    let mut fields: Vec<String> = errors
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn every_broken_rule_of_an_event_is_invalid_and_names_its_field() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let event = || EventText::new("s");
    let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));
    for (what, field, event) in [
        ("no session", "/sessionId", event().without("sessionId")),
        (
            "an empty session",
            "/sessionId",
            event().with("sessionId", ""),
        ),
        (
            "a long session",
            "/sessionId",
            event().with("sessionId", "a".repeat(129)),
        ),
        (
            "a session with a space",
            "/sessionId",
            event().with("sessionId", "a b"),
        ),
        (
            "a session with an umlaut",
            "/sessionId",
            event().with("sessionId", "ä"),
        ),
        (
            "a session of another type",
            "/sessionId",
            event().with("sessionId", 7),
        ),
        ("no name", "/event", event().without("event")),
        ("an empty name", "/event", event().with("event", "")),
        (
            "a long name",
            "/event",
            event().with("event", "a".repeat(129)),
        ),
        (
            "a name with an empty word",
            "/event",
            event().with("event", "a..b"),
        ),
        (
            "a name that ends in a dot",
            "/event",
            event().with("event", "a."),
        ),
        (
            "a reserved name",
            "/event",
            event().with("event", "relay.ready"),
        ),
        (
            "a name with a colon",
            "/event",
            event().with("event", "relay:ready"),
        ),
        ("no payload", "/payload", event().without("payload")),
        (
            "a large payload",
            "/payload",
            event().with("payload", "x".repeat(65_536)),
        ),
        ("a deep payload", "/payload", event().with("payload", deep)),
        ("no nonce", "/nonce", event().without("nonce")),
        ("an empty nonce", "/nonce", event().with("nonce", "")),
        (
            "a long nonce",
            "/nonce",
            event().with("nonce", "n".repeat(65)),
        ),
        (
            "a nonce with a space",
            "/nonce",
            event().with("nonce", "a b"),
        ),
        ("no timestamp", "/timestamp", event().without("timestamp")),
        (
            "a timestamp without offset",
            "/timestamp",
            event().with("timestamp", "2024-05-01T10:00:00"),
        ),
        (
            "a timestamp as number",
            "/timestamp",
            event().with("timestamp", now()),
        ),
        (
            "a timestamp of long ago",
            "/timestamp",
            event().with("timestamp", rfc3339(now() - 310)),
        ),
        (
            "a timestamp of the future",
            "/timestamp",
            event().with("timestamp", rfc3339(now() + 310)),
        ),
        ("an unknown field", "/extra", event().with("extra", 1)),
    ] {
        let answer = post(&relay, event.to_string()).await;
        assert_eq!(answer.status.as_u16(), 422, "{what}: {}", answer.text());
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{what}: {problem}");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn all_broken_rules_are_told_at_once() {
    let relay = Relay::start();
    let event = json!({ "sessionId": "a b", "event": "", "payload": 1, "nonce": 7, "extra": 1 });
    let problem = post(&relay, event.to_string())
        .await
        .expect_problem(422, "invalid");
    assert_eq!(
        fields(&problem),
        ["/event", "/extra", "/nonce", "/sessionId", "/timestamp"]
    );
    let batch = json!([
        EventText::new("s").0,
        event,
        EventText::new("s").without("nonce").0
    ]);
    let answer = relay
        .http
        .send(relay.app.signed("/events/batch", batch.to_string()))
        .await;
    let problem = answer.expect_problem(422, "invalid");
    let mut indexes: Vec<u64> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["index"].as_u64().unwrap())
        .collect();
    indexes.dedup();
    assert_eq!(indexes, [1, 2], "{problem}");
}

#[tokio::test]
async fn what_is_allowed_is_taken_up_to_its_last_byte() {
    let relay = Relay::start();
    let deep = (0..63).fold(json!([]), |inner, _| json!([inner]));
    for event in [
        EventText::new("AZaz09._:~-").with("event", "A-Z_a.b-1._"),
        EventText::new(&"s".repeat(128))
            .with("event", "e".repeat(128))
            .with("nonce", format!("!{}~", "n".repeat(62))),
        EventText::new("s").with("payload", Value::Null),
        EventText::new("s").with("payload", "x".repeat(65_534)),
        EventText::new("s").with("payload", deep),
        EventText::new("s").with("timestamp", rfc3339(now() - 290)),
        EventText::new("s").with("timestamp", rfc3339(now()).replace('Z', "+00:00")),
        EventText::new("s").with("event", "relayed.note"),
    ] {
        relay.publish(&event.renewed()).await;
    }
}

#[tokio::test]
async fn what_is_no_event_at_all_is_bad_json() {
    let relay = Relay::start();
    let twice = EventText::new("s")
        .to_string()
        .replacen('{', r#"{"event":"other","#, 1);
    assert_eq!(
        post(&relay, twice).await.status,
        422,
        "a field that is there twice"
    );
    for body in [
        "",
        "{",
        "nonsense",
        "{} {}",
        "{\"sessionId\":\"s\",}",
        "\u{feff}{}",
    ] {
        post(&relay, body).await.expect_problem(400, "bad_json");
    }
    post(&relay, b"\xff\xfe".to_vec())
        .await
        .expect_problem(400, "bad_json");
    for body in ["[]", "null", "7", "\"text\""] {
        let status = post(&relay, body).await.status.as_u16();
        assert_eq!(status, 422, "{body}");
    }
    let position = post(&relay, "{\n  \"a\": x }")
        .await
        .expect_problem(400, "bad_json");
    assert!(
        position["detail"].as_str().unwrap().contains("line 2"),
        "{position}"
    );
}

#[tokio::test]
async fn a_batch_has_one_to_a_hundred_events() {
    let relay = Relay::start();
    let batch = |count: u64| {
        let events: Vec<Value> = (0..count).map(|n| EventText::numbered("s", n).0).collect();
        relay.http.send(
            relay
                .app
                .signed("/events/batch", Value::from(events).to_string()),
        )
    };
    batch(0).await.expect_problem(422, "invalid");
    batch(101).await.expect_problem(422, "invalid");
    batch(1).await.expect(202);
    batch(100).await.expect(202);
    let one = relay
        .http
        .send(
            relay
                .app
                .signed("/events/batch", EventText::new("s").to_string()),
        )
        .await;
    one.expect_problem(422, "invalid");
}

#[tokio::test]
async fn size_is_checked_before_authentication_and_type_after_it() {
    let relay = Relay::start();
    let large = "x".repeat(128 * 1024 + 1);
    relay
        .http
        .send(Request::post("/events").body(large.clone()))
        .await
        .expect_problem(413, "too_large");
    post(&relay, large).await.expect_problem(413, "too_large");
    let text = Request::post("/events")
        .header("content-type", "text/plain")
        .body("{}");
    relay
        .http
        .send(text)
        .await
        .expect_problem(401, "unauthenticated");
    let event = EventText::new("s").to_string();
    for kind in ["text/plain", "application/xml", "multipart/form-data"] {
        let request = relay
            .app
            .signed("/events", event.clone())
            .header("content-type", kind);
        assert_eq!(relay.http.send(request).await.status, 415, "{kind}");
    }
    let request = relay
        .app
        .signed("/events", event.clone())
        .without("content-type");
    assert_eq!(relay.http.send(request).await.status, 415, "none");
    let request = relay
        .app
        .signed("/events", event)
        .header("content-type", "application/json; charset=utf-8");
    relay.http.send(request).await.expect(202);
}

#[tokio::test]
async fn half_a_request_publishes_nothing() {
    let relay = Relay::with("limits.header_deadline = \"300ms\"\nlimits.body_deadline = \"300ms\"");
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let body = EventText::new("s").to_string();
    let head = format!(
        "POST /events HTTP/1.1\r\nhost: relay\r\ncontent-type: application/json\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n",
        relay.app.secret,
        body.len()
    );
    // Slow headers, a body that stops, chunks that stop: each ends by itself, and nothing is published.
    let slow_headers = relay.http.raw(&head.as_bytes()[..60]).await;
    assert!(
        slow_headers.is_empty() || slow_headers.starts_with("HTTP/1.1 408"),
        "{slow_headers}"
    );
    let half_body = relay
        .http
        .raw(format!("{head}\r\n{}", &body[..20]).as_bytes())
        .await;
    assert!(half_body.starts_with("HTTP/1.1 408"), "{half_body}");
    let chunked = head.replace(
        &format!("content-length: {}", body.len()),
        "transfer-encoding: chunked",
    );
    let half_chunk = relay
        .http
        .raw(format!("{chunked}\r\n10\r\n{{\"sess").as_bytes())
        .await;
    assert!(half_chunk.starts_with("HTTP/1.1 408"), "{half_chunk}");
    for nonsense in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET\r\n\r\n",
        "POST /events HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ] {
        let answer = relay.http.raw(nonsense.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{nonsense}: {answer}"
        );
    }
    client.expect_silence().await;
    relay.publish_range("s", 1, 1).await;
    client.expect_numbers(1, 1).await;
}
