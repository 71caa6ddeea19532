//! The stock client of another language: python-socketio does what socket.io-client does.

use serde_json::{Value, json};

use crate::harness::{Python, Relay, now};

/// It begins by polling and upgrades.
fn by_default() -> Value {
    Value::Null
}

async fn connects_receives_and_resumes(transports: Value, transport: &str) {
    let relay = Relay::start();
    let python = Python::start();
    let token = relay.app.token("alice", "s");
    let mut client = python.connect(&relay.url(), &token, &transports).await;
    assert_eq!(client.expect_ready().await["recovered"], false);
    relay.publish_range("s", 1, 10).await;
    client.expect_numbers(1, 10).await;
    assert_eq!(client.transport().await, transport);

    // It leaves by itself, misses 500, and comes back.
    client.tell("disconnect").await;
    client.expect("disconnect").await;
    relay.metric_is("connected_clients", 0.0).await;
    relay.publish_range("s", 11, 510).await;
    client.tell("reconnect").await;
    let ready = client.expect_ready().await;
    assert_eq!(
        (ready["recovered"].as_bool(), ready["replayed"].as_u64()),
        (Some(true), Some(500))
    );
    client.expect_numbers(11, 510).await;

    // Its network goes; the library reconnects.
    client.tell("lose").await;
    client.expect("disconnect").await;
    assert_eq!(client.expect_ready().await["recovered"], true);
    relay.publish_range("s", 511, 520).await;
    client.expect_numbers(511, 520).await;

    // A cursor of another life of the log.
    client.tell("disconnect").await;
    client.expect("disconnect").await;
    client.hold(json!({ "cursor": "0000000000000abc-7" })).await;
    client.tell("reconnect").await;
    assert_eq!(client.expect_ready().await["recovered"], false);
    let resync = client.expect("relay:resync").await;
    assert_eq!(resync["reason"], "epoch_changed");

    let newer = relay.app.token("alice", "s");
    let refreshed = client.ask("relay:refresh", json!({ "token": newer })).await;
    assert!(refreshed["expiresAt"].is_i64(), "{refreshed}");
    let refused = client
        .ask("relay:refresh", json!({ "token": "garbage" }))
        .await;
    assert_eq!(refused["code"], "token_invalid");
    client.tell("disconnect").await;
    client.expect("disconnect").await;
    relay.metric_is("connected_clients", 0.0).await;
}

#[tokio::test]
async fn by_websocket() {
    connects_receives_and_resumes(json!(["websocket"]), "websocket").await;
}

#[tokio::test]
async fn by_polling_and_the_upgrade() {
    connects_receives_and_resumes(by_default(), "websocket").await;
}

#[tokio::test]
async fn by_polling_alone() {
    connects_receives_and_resumes(json!(["polling"]), "polling").await;
}

#[tokio::test]
async fn it_is_refused_with_the_code_and_what_to_do() {
    let relay = Relay::start();
    let python = Python::start();
    let expired = relay
        .app
        .token_text("alice", "s")
        .with("iat", now() - 100)
        .with("exp", now() - 60)
        .signed(&relay.app.key());
    for transports in [json!(["websocket"]), by_default(), json!(["polling"])] {
        for (token, code, retryable) in [
            (expired.as_str(), "token_expired", true),
            ("garbage", "token_invalid", false),
        ] {
            let mut client = python.connect(&relay.url(), token, &transports).await;
            let refused = client.expect("connect_error").await;
            assert_eq!(refused["message"], code);
            assert!(refused["data"]["detail"].is_string(), "{refused}");
            assert_eq!(refused["data"]["retryable"], retryable, "{refused}");
            // With a good token it is let in after all. The library may have tried again before.
            client.tell("disconnect").await;
            client
                .hold(json!({ "token": relay.app.token("alice", "s") }))
                .await;
            client.tell("reconnect").await;
            let let_in = loop {
                match client.next().await {
                    (name, again) if name == "connect_error" => assert_eq!(again, refused),
                    (name, _) => break name,
                }
            };
            assert_eq!(let_in, "connect");
            client.expect("relay:ready").await;
            client.tell("disconnect").await;
            client.expect("disconnect").await;
        }
    }
    relay.metric_is("connected_clients", 0.0).await;
}
