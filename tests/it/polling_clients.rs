//! Stock clients as the brief has them, `io(URL, { auth })`: they begin by polling and upgrade, or poll for ever.

use std::sync::Arc;
use std::time::Duration;

use forge_relay_tests::history::violations;
use serde_json::{Value, json};

use crate::harness::app::Receipt;
use crate::harness::recorder::published;
use crate::harness::wait::until;
use crate::harness::{App, EventText, Http, Node, Recorder, Relay, Said, StockClient, now};

fn by_default() -> Value {
    json!({ "transports": ["polling", "websocket"] })
}

fn only_polling() -> Value {
    json!({ "transports": ["polling"] })
}

async fn upgraded(client: &StockClient<'_>) {
    until("the upgrade", || async {
        (client.transport().await == "websocket").then_some(())
    })
    .await;
}

async fn does_what_websocket_clients_do(version: &str, options: Value) {
    let relay = Relay::start();
    let node = Node::start();
    let token = node.mint(&relay.app.secret, "alice", "s").await;
    let polls_only = options["transports"] == only_polling()["transports"];
    let mut client = node
        .connect_with(version, &relay.url(), &token, options)
        .await;
    assert_eq!(client.expect_ready().await["recovered"], false);
    relay.publish_range("s", 1, 10).await;
    client.expect_numbers(1, 10).await;
    if polls_only {
        assert_eq!(client.transport().await, "polling");
    } else {
        upgraded(&client).await;
    }
    relay.publish_range("s", 11, 20).await;
    client.expect_numbers(11, 20).await;

    // It leaves by itself, misses 500, and comes back.
    client.tell("disconnect").await;
    client.expect("disconnect").await;
    relay.metric_is("connected_clients", 0.0).await;
    relay.publish_range("s", 21, 520).await;
    client.tell("reconnect").await;
    let ready = client.expect_ready().await;
    assert_eq!(
        (ready["recovered"].as_bool(), ready["replayed"].as_u64()),
        (Some(true), Some(500))
    );
    client.expect_numbers(21, 520).await;

    // Its network goes; the library reconnects.
    client.tell("lose").await;
    client.expect("disconnect").await;
    assert_eq!(client.expect_ready().await["recovered"], true);
    relay.publish_range("s", 521, 530).await;
    client.expect_numbers(521, 530).await;

    let newer = node.mint(&relay.app.secret, "alice", "s").await;
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
async fn version_4_8_by_default() {
    does_what_websocket_clients_do("4.8", by_default()).await;
}

#[tokio::test]
async fn version_4_7_by_default() {
    does_what_websocket_clients_do("4.7", by_default()).await;
}

#[tokio::test]
async fn version_4_5_by_default() {
    does_what_websocket_clients_do("4.5", by_default()).await;
}

#[tokio::test]
async fn version_4_0_by_default() {
    does_what_websocket_clients_do("4.0", by_default()).await;
}

#[tokio::test]
async fn version_4_8_only_polling() {
    does_what_websocket_clients_do("4.8", only_polling()).await;
}

#[tokio::test]
async fn version_4_7_only_polling() {
    does_what_websocket_clients_do("4.7", only_polling()).await;
}

#[tokio::test]
async fn version_4_5_only_polling() {
    does_what_websocket_clients_do("4.5", only_polling()).await;
}

#[tokio::test]
async fn version_4_0_only_polling() {
    does_what_websocket_clients_do("4.0", only_polling()).await;
}

/// The library's own stamp is off, and the page has a parameter of the same name.
#[tokio::test]
async fn a_parameter_that_is_called_like_the_stamp_is_none() {
    let options = json!({
        "transports": ["polling"],
        "timestampRequests": false,
        "query": { "t": "dark" },
    });
    for version in ["4.8", "4.0"] {
        does_what_websocket_clients_do(version, options.clone()).await;
    }
}

#[tokio::test]
async fn a_poll_that_is_asked_to_come_back_comes_back() {
    let relay = Relay::with("limits.token_leeway = \"0s\"");
    let node = Node::start();
    for version in ["4.8", "4.0"] {
        let short = relay
            .app
            .token_text("alice", "s")
            .expires_in(2)
            .signed(&relay.app.key());
        let mut client = node
            .connect_with(version, &relay.url(), &short, only_polling())
            .await;
        client.expect_ready().await;
        client
            .hold(json!({ "token": relay.app.token("alice", "s") }))
            .await;
        client.expect("relay:expiring").await;
        assert_eq!(client.expect("relay:bye").await["code"], "token_expired");
        assert_eq!(
            client.expect("disconnect").await["reason"],
            "transport close"
        );
        assert_eq!(client.expect_ready().await["recovered"], true);
        client.tell("disconnect").await;
    }
}

#[tokio::test]
async fn a_poll_that_is_sent_away_stays_away() {
    let relay = Relay::with("limits.messages_per_second = 10000");
    let node = Node::start();
    for version in ["4.8", "4.0"] {
        let token = relay.app.token("alice", "s");
        let mut client = node
            .connect_with(version, &relay.url(), &token, only_polling())
            .await;
        client.expect_ready().await;
        // Binary is what this relay does not take.
        client.tell("emit_binary").await;
        assert_eq!(client.expect("relay:bye").await["code"], "bad_message");
        assert_eq!(
            client.expect("disconnect").await["reason"],
            "io server disconnect"
        );
        assert_eq!(client.next_in(Duration::from_millis(300)).await, None);
    }
}

#[tokio::test]
async fn a_drain_tells_stock_clients_of_both_transports() {
    let mut relay = Relay::with("limits.drain = \"3s\"");
    let node = Node::start();
    let token = relay.app.token("alice", "s");
    let mut polls = node
        .connect_with("4.8", &relay.url(), &token, only_polling())
        .await;
    polls.expect_ready().await;
    let mut upgrades = node
        .connect_with("4.8", &relay.url(), &token, by_default())
        .await;
    upgrades.expect_ready().await;
    upgraded(&upgrades).await;
    relay.stop();
    for client in [&mut polls, &mut upgrades] {
        assert_eq!(client.expect("relay:bye").await["code"], "draining");
        assert_eq!(
            client.expect("disconnect").await["reason"],
            "transport close"
        );
    }
    relay.ended().await.unwrap();
}

#[tokio::test]
async fn stock_clients_are_refused_with_the_same_codes() {
    let relay = Relay::start();
    let node = Node::start();
    let expired = relay
        .app
        .token_text("alice", "s")
        .with("iat", now() - 100)
        .with("exp", now() - 60)
        .signed(&relay.app.key());
    for options in [by_default(), only_polling()] {
        for (token, code) in [
            (expired.as_str(), "token_expired"),
            ("garbage", "token_invalid"),
        ] {
            for version in ["4.8", "4.0"] {
                let mut client = node
                    .connect_with(version, &relay.url(), token, options.clone())
                    .await;
                let refused = client.expect("connect_error").await;
                assert_eq!(refused["message"], code);
                assert!(refused["data"]["detail"].is_string(), "{refused}");
                client.tell("disconnect").await;
            }
        }
    }
}

#[tokio::test]
async fn many_upgrade_while_fifty_publish_and_nobody_misses_anything() {
    const EACH: u64 = 60;
    let relay = Arc::new(Relay::start());
    let node = Node::start();
    let publishers: Vec<_> = (0..50)
        .map(|_| tokio::spawn(publisher(Arc::clone(&relay), EACH)))
        .collect();
    // Their upgrades are spread over the time of the publishing.
    let mut clients = Vec::new();
    for n in 0..24 {
        let version = ["4.8", "4.7", "4.5", "4.0"][n % 4];
        let options = if n % 6 == 5 {
            only_polling()
        } else {
            by_default()
        };
        let token = relay.app.token(&format!("client {n}"), "s");
        let client = node
            .connect_with(version, &relay.url(), &token, options)
            .await;
        clients.push((Recorder::new(format!("{n} on {version}"), "s"), client));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut receipts = Vec::new();
    for publisher in publishers {
        receipts.extend(publisher.await.unwrap().iter().map(published));
    }
    assert_eq!(receipts.len() as u64, 50 * EACH);
    let newest = receipts.iter().map(|receipt| receipt.place.seq).max();
    let mut stories = Vec::new();
    for (n, (mut story, mut client)) in clients.into_iter().enumerate() {
        while story.at().map(|place| place.seq) < newest {
            let (name, data) = client.next().await;
            assert_ne!(name, "disconnect", "client {n}: {data}");
            story.hear(Said::Event { name, data });
        }
        if n % 6 != 5 {
            upgraded(&client).await;
        }
        while let Some((name, data)) = client.next_in(Duration::from_millis(20)).await {
            story.hear(Said::Event { name, data });
        }
        story.client.finished = true;
        stories.push(story.client);
    }
    assert_eq!(violations(&receipts, &stories), []);
}

async fn publisher(relay: Arc<Relay>, count: u64) -> Vec<Receipt> {
    let (http, app) = (Http::new(relay.address), App::new());
    let mut receipts = Vec::new();
    for n in 0..count {
        receipts.push(app.publish(&http, &EventText::numbered("s", n)).await);
        // Slowly enough that there are events before, during and after every upgrade.
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    receipts
}
