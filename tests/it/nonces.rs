//! A nonce is an idempotency key: the same event twice is delivered once, another event under it is refused.

use serde_json::{Value, json};

use crate::harness::app::{Receipt, rfc3339};
use crate::harness::{EventText, Relay, Subscriber, now};

#[tokio::test]
async fn the_same_nonce_twice_is_one_delivery_and_one_receipt() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let event = EventText::new("s");
    let first = relay.publish(&event).await;
    assert!(!first.duplicate);
    // A retry may stamp itself anew.
    let retry = event.with("timestamp", rfc3339(now() - 60));
    let second = relay.publish(&retry).await;
    assert_eq!(
        second,
        Receipt {
            duplicate: true,
            ..first.clone()
        }
    );
    assert_eq!(client.expect_event().await.id, first.id);
    client.expect_silence().await;
}

#[tokio::test]
async fn the_same_payload_with_other_white_space_is_the_same_event() {
    let relay = Relay::start();
    let event = EventText::new("s")
        .with("payload", json!({ "a": [1, 2] }))
        .to_string();
    Receipt::of(
        &relay
            .http
            .send(relay.app.signed("/events", event.clone()))
            .await,
    );
    let spaced = event.replace("[1,2]", "[ 1 ,\n2 ]");
    assert_ne!(spaced, event);
    assert!(Receipt::of(&relay.http.send(relay.app.signed("/events", spaced)).await).duplicate);
}

#[tokio::test]
async fn another_event_under_the_nonce_is_a_conflict() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let event = EventText::new("s");
    relay.publish(&event).await;
    client.expect_event().await;
    for other in [
        event.clone().with("payload", json!({ "value": "8" })),
        event.clone().with("event", "vote.changed"),
        event.clone().with("sessionId", "t"),
    ] {
        let answer = relay
            .http
            .send(relay.app.signed("/events", other.to_string()))
            .await;
        answer.expect_problem(409, "nonce_conflict");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_retry_meets_its_receipt_under_another_key_and_by_bearer() {
    let relay = Relay::start();
    let event = EventText::new("s");
    let first = relay.publish(&event).await;
    let again = relay
        .http
        .send(relay.app.bearer("/events", event.to_string()))
        .await;
    assert_eq!(
        Receipt::of(&again),
        Receipt {
            duplicate: true,
            ..first
        }
    );
}

#[tokio::test]
async fn a_batch_is_taken_whole_in_its_order_and_knows_its_duplicates() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let known = EventText::numbered("s", 1);
    let first = relay.publish(&known).await;

    let batch = [
        EventText::numbered("s", 2),
        known,
        EventText::numbered("s", 3),
        EventText::numbered("t", 1),
    ];
    let body = Value::from(
        batch
            .iter()
            .map(|event| event.0.clone())
            .collect::<Vec<_>>(),
    );
    let answer = relay
        .http
        .send(relay.app.signed("/events/batch", body.to_string()))
        .await;
    answer.expect(202);
    let receipts: Vec<Receipt> = serde_json::from_value(answer.json()["receipts"].take()).unwrap();
    assert_eq!(
        receipts[1],
        Receipt {
            duplicate: true,
            ..first
        }
    );
    let told: Vec<_> = receipts
        .iter()
        .map(|r| (r.session_id.as_str(), r.seq, r.duplicate))
        .collect();
    assert_eq!(
        told,
        [
            ("s", 2, false),
            ("s", 1, true),
            ("s", 3, false),
            ("t", 1, false)
        ]
    );
    client.expect_numbers(1, 3).await;
    client.expect_silence().await;
}

#[tokio::test]
async fn one_event_twice_in_a_batch_is_delivered_once() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let event = EventText::numbered("s", 1).0;
    let body = json!([event, event]);
    let answer = relay
        .http
        .send(relay.app.signed("/events/batch", body.to_string()))
        .await;
    answer.expect(202);
    let receipts: Vec<Receipt> = serde_json::from_value(answer.json()["receipts"].take()).unwrap();
    assert_eq!(
        receipts[1],
        Receipt {
            duplicate: true,
            ..receipts[0].clone()
        }
    );
    client.expect_numbers(1, 1).await;
    client.expect_silence().await;
}

#[tokio::test]
async fn one_conflict_refuses_the_whole_batch_by_its_index() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let known = EventText::numbered("s", 1);
    relay.publish(&known).await;
    client.expect_numbers(1, 1).await;

    let against_memory = json!([
        EventText::numbered("s", 2).0,
        known.clone().with("payload", 0).0
    ]);
    let twice = EventText::numbered("s", 3);
    let within_itself = json!([
        EventText::numbered("s", 2).0,
        twice.0,
        twice.clone().with("payload", 0).0
    ]);
    for (index, body) in [(1, against_memory), (2, within_itself)] {
        let answer = relay
            .http
            .send(relay.app.signed("/events/batch", body.to_string()))
            .await;
        let problem = answer.expect_problem(409, "nonce_conflict");
        assert_eq!(problem["errors"][0]["index"], index, "{problem}");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
    }
    client.expect_silence().await;
    assert_eq!(
        relay.publish(&EventText::numbered("s", 4)).await.seq,
        2,
        "nothing was published meanwhile"
    );
}

#[tokio::test]
async fn a_full_nonce_memory_refuses_and_forgets_nothing() {
    let relay = Relay::with("limits.nonce_memory = \"1MiB\"");
    let first = EventText::new("s");
    relay.publish(&first).await;
    let mut taken = 1;
    let refused = loop {
        let batch: Vec<Value> = (0..100).map(|n| EventText::numbered("s", n).0).collect();
        let answer = relay
            .http
            .send(
                relay
                    .app
                    .signed("/events/batch", Value::from(batch).to_string()),
            )
            .await;
        if answer.status != 202 {
            break answer;
        }
        taken += 100;
        assert!(taken < 100_000, "1 MiB holds no 100,000 nonces");
    };
    refused.expect_problem(503, "nonce_memory_full");
    assert!(
        refused
            .header("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert!(
        relay.publish(&first).await.duplicate,
        "the first is still known"
    );
}
