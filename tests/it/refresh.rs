//! The life of a connection: told before its token ends, extended by a new one, ended with a word.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::harness::{Node, Relay, Said, Subscriber, TokenText, now};

const NO_LEEWAY: &str = "limits.token_leeway = \"0s\"";

fn lasting(relay: &Relay, seconds: i64) -> String {
    TokenText::new("alice", "s")
        .expires_in(seconds)
        .signed(&relay.app.key())
}

#[tokio::test]
async fn expiry_without_refresh_ends_with_bye_within_a_second_of_exp_and_leeway() {
    let relay = Relay::with("limits.token_leeway = \"1s\"");
    let (mut client, ready) = Subscriber::join(relay.address, &lasting(&relay, 1)).await;
    let warned: serde_json::Value = client.expect("relay:expiring").await;
    assert_eq!(warned["expiresAt"], ready.expires_at);
    let bye = client.expect_bye().await;
    let over = SystemTime::UNIX_EPOCH + Duration::from_secs(ready.expires_at.unsigned_abs() + 1);
    let late = SystemTime::now()
        .duration_since(over)
        .expect("not before exp and leeway");
    assert!(late < Duration::from_secs(1), "{late:?}");
    assert_eq!(bye.code, "token_expired");
    assert!(bye.reconnect);
    assert!(!bye.reason.is_empty());
}

#[tokio::test]
async fn expiring_comes_once_at_half_of_a_short_life() {
    let relay = Relay::with(NO_LEEWAY);
    let start = Instant::now();
    let (mut client, ready) = Subscriber::join(relay.address, &lasting(&relay, 4)).await;
    let warned: serde_json::Value = client.expect("relay:expiring").await;
    let waited = start.elapsed();
    assert!((1_000..3_200).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(warned["expiresAt"], ready.expires_at);
    assert!(
        (1..=3).contains(&warned["inSeconds"].as_i64().unwrap()),
        "{warned}"
    );
    assert_eq!(client.expect_bye().await.code, "token_expired");
}

#[tokio::test]
async fn a_refresh_extends_the_connection_past_its_first_token() {
    let relay = Relay::with(NO_LEEWAY);
    let (mut client, ready) = Subscriber::join(relay.address, &lasting(&relay, 4)).await;
    let answer = client
        .ask("relay:refresh", &json!({ "token": lasting(&relay, 200) }))
        .await;
    let expires_at = answer["expiresAt"].as_i64().unwrap();
    assert!(expires_at >= ready.expires_at + 190);
    // Past the first token's end, and nothing was said on the way.
    let past = u64::try_from(ready.expires_at - now() + 1).unwrap();
    assert_eq!(client.next_in(Duration::from_secs(past)).await, None);
    relay.publish_range("s", 1, 1).await;
    client.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn a_refresh_that_fails_changes_nothing() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let key = relay.app.key();
    for (what, code, token) in [
        (
            "another account's",
            "account_mismatch",
            relay.app.token("mallory", "s"),
        ),
        (
            "another session's",
            "session_mismatch",
            relay.app.token("alice", "t"),
        ),
        (
            "expired",
            "token_expired",
            TokenText::new("alice", "s")
                .with("iat", now() - 99)
                .with("exp", now() - 20)
                .signed(&key),
        ),
        (
            "without scope",
            "scope_missing",
            TokenText::new("alice", "s")
                .with("scope", json!([]))
                .signed(&key),
        ),
        ("garbage", "token_invalid", "garbage".to_owned()),
    ] {
        let answer = client
            .ask("relay:refresh", &json!({ "token": token }))
            .await;
        assert_eq!(answer["code"], code, "{what}");
        assert!(
            answer["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{what}"
        );
        assert!(answer.get("expiresAt").is_none(), "{what}");
    }
    let answer = client
        .ask("relay:refresh", &json!({ "nothing": true }))
        .await;
    assert!(answer["code"].is_string(), "{answer}");
    relay.publish_range("s", 1, 1).await;
    client.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn a_refresh_that_fails_does_not_extend() {
    let relay = Relay::with(NO_LEEWAY);
    let (mut client, _) = Subscriber::join(relay.address, &lasting(&relay, 4)).await;
    client
        .ask(
            "relay:refresh",
            &json!({ "token": relay.app.token("mallory", "s") }),
        )
        .await;
    let _: serde_json::Value = client.expect("relay:expiring").await;
    assert_eq!(client.expect_bye().await.code, "token_expired");
}

#[tokio::test]
async fn a_refresh_never_shortens() {
    let relay = Relay::with(NO_LEEWAY);
    let (mut client, ready) = Subscriber::join(relay.address, &lasting(&relay, 200)).await;
    let answer = client
        .ask("relay:refresh", &json!({ "token": lasting(&relay, 1) }))
        .await;
    assert_eq!(answer["expiresAt"], ready.expires_at);
    assert_eq!(client.next_in(Duration::from_millis(2_200)).await, None);
    client.expect_silence().await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_acknowledged_as_such_or_ignored() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    client
        .emit("event", &json!({ "sessionId": "s", "event": "forged" }))
        .await;
    client.emit("relay:ready", &json!({})).await;
    let answer = client.ask("vote", &json!({})).await;
    assert_eq!(answer["code"], "unknown_event");
    assert!(answer["message"].is_string());
    relay.publish_range("s", 1, 1).await;
    client.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn a_stock_client_refreshes_and_comes_back_by_itself_after_expiry() {
    let relay = Relay::with(NO_LEEWAY);
    let node = Node::start();
    let mut client = node.connect("4.8", &relay.url(), &lasting(&relay, 4)).await;
    let ready = client.expect_ready().await;
    let answer = client
        .ask("relay:refresh", json!({ "token": lasting(&relay, 5) }))
        .await;
    assert!(answer["expiresAt"].as_i64() > ready["expiresAt"].as_i64());
    client.expect("relay:expiring").await;
    client.hold(json!({ "token": lasting(&relay, 200) })).await;
    let bye = client.expect("relay:bye").await;
    assert_eq!(
        (bye["code"].as_str(), bye["reconnect"].as_bool()),
        (Some("token_expired"), Some(true))
    );
    let gone = client.expect("disconnect").await;
    assert_eq!(
        gone["reason"], "transport close",
        "a DISCONNECT would keep a stock client away"
    );
    let ready = client.expect_ready().await;
    assert_eq!(ready["recovered"], true);
}

#[tokio::test]
async fn what_is_published_up_to_the_bye_is_there_after_it() {
    let relay = Relay::with(NO_LEEWAY);
    let (mut client, ready) = Subscriber::join(relay.address, &lasting(&relay, 1)).await;
    let publishing = async {
        let mut published = 0;
        while now() <= ready.expires_at + 1 {
            published += 1;
            relay.publish_range("s", published, published).await;
            // Fewer than the log keeps.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        published
    };
    let receiving = async {
        let (mut seen, mut cursor) = (0, ready.cursor.clone());
        loop {
            match client.next().await {
                Said::Event { name, data } if name == "event" => {
                    seen += 1;
                    assert_eq!(data["payload"]["n"], seen);
                    cursor = data["cursor"].as_str().unwrap().to_owned();
                }
                Said::Closed { .. } => return (seen, cursor),
                _ => {}
            }
        }
    };
    let (published, (seen, cursor)) = tokio::join!(publishing, receiving);
    let (mut client, ready) =
        Subscriber::resume(relay.address, &lasting(&relay, 100), &cursor).await;
    assert!(ready.recovered);
    assert_eq!(ready.replayed, published - seen);
    client.expect_numbers(seen + 1, published).await;
}
