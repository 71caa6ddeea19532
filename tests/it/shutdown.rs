//! The end of a relay: everybody is told, nobody is lost, nobody holds it up.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{EventText, Node, Relay, Said, Subscriber, wait};

#[tokio::test]
async fn every_client_is_told_to_come_back_at_its_own_time() {
    let mut relay = Relay::with("limits.drain = \"1s\"");
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(
            Subscriber::join(relay.address, &relay.app.token("alice", &format!("s{n}")))
                .await
                .0,
        );
    }
    let start = Instant::now();
    relay.stop();
    let mut delays = Vec::new();
    for client in &mut clients {
        let bye = client.expect_bye().await;
        assert_eq!((bye.code.as_str(), bye.reconnect), ("draining", true));
        delays.push(bye.after_ms.unwrap());
    }
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    delays.dedup();
    assert!(
        delays.len() > 5,
        "jittered, so that they do not come back as one: {delays:?}"
    );
}

#[tokio::test]
async fn new_clients_and_probes_are_told_while_it_drains() {
    let mut relay = Relay::with("limits.drain = \"2s\"");
    // Somebody must be there for it to take its time.
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(
            Subscriber::join(relay.address, &relay.app.token("alice", "s"))
                .await
                .0,
        );
    }
    relay.stop();
    wait::until("readyz to fail", || async {
        (relay.http.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    relay.http.get("/healthz").await.expect(200);
    let auth = json!({ "token": relay.app.token("bob", "s") });
    let (code, data) = Subscriber::refused(relay.address, &auth).await;
    assert_eq!(code, "draining");
    assert_eq!(data["retryable"], true);
    relay.ended().await.unwrap();
}

#[tokio::test]
async fn publishes_are_taken_until_the_last_client_was_told() {
    let mut relay = Relay::with("limits.drain = \"1s\"");
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(
            Subscriber::join(relay.address, &relay.app.token("alice", "s"))
                .await
                .0,
        );
    }
    relay.stop();
    let receiving: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut seen = 0;
                loop {
                    match client.next().await {
                        Said::Event { name, data } if name == "event" => {
                            seen += 1;
                            assert_eq!(data["seq"], seen, "in order up to its end");
                        }
                        Said::Event { name, .. } => {
                            assert_eq!(name, "relay:bye");
                            return seen;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    let mut taken = 0;
    loop {
        let request = relay.app.signed("/events", EventText::new("s").to_string());
        match relay.http.try_send(request).await {
            Ok(answer) if answer.status == 202 => taken += 1,
            Ok(answer) => {
                answer.expect_problem(503, "unavailable");
                break;
            }
            // The listener went with the last client.
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut most = 0;
    for client in receiving {
        most = most.max(client.await.unwrap());
    }
    assert!(taken >= 1);
    assert!(most >= 1 && most <= taken, "{most} of {taken}");
    relay.ended().await.unwrap();
}

#[tokio::test]
async fn an_empty_relay_ends_at_once() {
    let mut relay = Relay::with("limits.drain = \"30s\"");
    relay.http.get("/healthz").await.expect(200);
    let start = Instant::now();
    relay.stop();
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_stock_client_hears_the_bye_before_its_end() {
    let mut relay = Relay::with("limits.drain = \"200ms\"");
    let node = Node::start();
    let token = node.mint(&relay.app.secret, "alice", "s").await;
    let mut client = node.connect("4.8", &relay.url(), &token).await;
    client.expect_ready().await;
    relay.stop();
    assert_eq!(client.expect("relay:bye").await["code"], "draining");
    assert_eq!(
        client.expect("disconnect").await["reason"],
        "transport close"
    );
    relay.ended().await.unwrap();
}
