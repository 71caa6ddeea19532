use serde_json::json;

use super::*;
use crate::http::problem::Rejection;
use crate::session::PublishError;

#[tokio::test]
async fn a_good_event_is_answered_with_its_receipt() {
    let relay = Setup::new().start();
    let answer = relay.publish("/events", event_text()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let receipt = answer.json();
    assert_eq!(receipt["sessionId"], "abc-123");
    assert_eq!(receipt["duplicate"], false);
    for field in ["id", "seq", "cursor"] {
        assert!(!receipt[field].is_null(), "{field} in {receipt}");
    }
    let metrics = relay.metrics.encode();
    assert!(
        metrics.contains("relay_events_published_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("publish_latency_count 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_batch_is_answered_with_receipts_in_the_order_sent() {
    let relay = Setup::new().start();
    let events: Vec<_> = (0..100)
        .map(|n| {
            let mut event = event();
            event["sessionId"] = json!(format!("s-{n}"));
            event["nonce"] = json!(format!("n-{n}"));
            event
        })
        .collect();
    let answer = relay
        .publish("/events/batch", json!(events).to_string())
        .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let receipts = answer.json()["receipts"].clone();
    for (n, receipt) in receipts.as_array().unwrap().iter().enumerate() {
        assert_eq!(receipt["sessionId"], format!("s-{n}"));
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_and_not_only_the_first() {
    let relay = Setup::new().start();
    let body = json!({ "sessionId": "a b", "event": "relay.x", "nonce": "", "timestamp": "yesterday", "extra": 1 });
    let problem = relay
        .publish("/events", body.to_string())
        .await
        .refuses(422, "invalid");
    let mut found: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["field"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/event", "reserved"),
            ("/extra", "unknown"),
            ("/nonce", "length"),
            ("/payload", "missing"),
            ("/sessionId", "format"),
            ("/timestamp", "format"),
        ]
    );
    assert!(
        problem["errors"][0].get("index").is_none(),
        "there is only one event: {problem}"
    );
}

#[tokio::test]
async fn one_bad_event_refuses_the_whole_batch_and_is_named_by_its_index() {
    let relay = Setup::new().start();
    let mut bad = event();
    bad["nonce"] = json!(7);
    let body = json!([event(), bad]).to_string();
    let problem = relay
        .publish("/events/batch", body)
        .await
        .refuses(422, "invalid");
    assert_eq!(problem["errors"][0]["index"], 1);
    assert_eq!(problem["errors"][0]["field"], "/nonce");
    for body in ["[]", &json!(vec![event(); 101]).to_string(), "{}"] {
        relay
            .publish("/events/batch", body.to_owned())
            .await
            .refuses(422, "invalid");
    }
    assert!(
        relay
            .metrics
            .encode()
            .contains("relay_events_published_total 0\n")
    );
}

#[tokio::test]
async fn what_is_not_json_is_told_where() {
    let relay = Setup::new().start();
    for body in ["", "{", "nonsense", "{\"a\":1,}", "\u{feff}{}"] {
        let problem = relay
            .publish("/events", body)
            .await
            .refuses(400, "bad_json");
        assert!(
            problem["detail"].as_str().unwrap().contains("line"),
            "{problem}"
        );
    }
    relay
        .publish("/events", vec![b'"', 0xff, b'"'])
        .await
        .refuses(400, "bad_json");
    relay.publish("/events", "7").await.refuses(422, "invalid");
}

#[tokio::test]
async fn a_nonce_publishes_once_and_another_event_with_it_is_a_conflict() {
    let relay = Setup::new().start();
    let first = relay.publish("/events", event_text()).await.json();
    let mut again = event();
    again["timestamp"] = json!("2024-05-01T10:00:01Z");
    let again = relay.publish("/events", again.to_string()).await;
    assert_eq!(again.status, 202);
    let mut expected = first.clone();
    expected["duplicate"] = json!(true);
    assert_eq!(again.json(), expected);

    let mut other = event();
    other["payload"] = json!(6);
    let problem = relay
        .publish("/events", other.to_string())
        .await
        .refuses(409, "nonce_conflict");
    assert_eq!(problem["errors"][0]["field"], "/nonce");
    assert!(problem["errors"][0].get("index").is_none(), "{problem}");
    let mut new = event();
    new["nonce"] = json!("new");
    let batch = json!([new, other]).to_string();
    let problem = relay
        .publish("/events/batch", batch)
        .await
        .refuses(409, "nonce_conflict");
    assert_eq!(problem["errors"][0]["index"], 1);

    let metrics = relay.get("/metrics").await.text;
    assert!(
        metrics.contains("relay_events_published_total 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("relay_events_duplicate_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("relay_sessions 1\n"), "{metrics}");
    assert!(!metrics.contains("relay_log_bytes 0\n"), "{metrics}");
}

#[tokio::test]
async fn nothing_is_published_once_the_last_client_was_told() {
    let relay = Setup::new().start();
    relay.ready.start_draining();
    assert_eq!(relay.publish("/events", event_text()).await.status, 202);
    relay.ready.stop();
    for (path, body) in [("/events", event()), ("/events/batch", json!([event()]))] {
        let answer = relay.publish(path, body.to_string()).await;
        answer.refuses(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
}

#[test]
fn what_the_log_refuses_becomes_its_code() {
    let conflict = Rejection::from(PublishError::NonceConflict {
        indexes: vec![0, 3],
    });
    assert_eq!(conflict.code.as_str(), "nonce_conflict");
    let indexes: Vec<_> = conflict.errors.iter().map(|error| error.index).collect();
    assert_eq!(indexes, [Some(0), Some(3)]);
    assert!(conflict.errors.iter().all(|error| error.field == "/nonce"));

    let full = Rejection::from(PublishError::NonceMemoryFull { retry_after: 7 });
    assert_eq!(
        (full.code.as_str(), full.retry_after),
        ("nonce_memory_full", Some(7))
    );
    let down = Rejection::from(PublishError::Unavailable { retry_after: 2 });
    assert_eq!(
        (down.code.as_str(), down.retry_after),
        ("unavailable", Some(2))
    );
}
