//! Every stock socket.io-client 4 connects, receives and resumes.

use crate::harness::{Node, Relay};

async fn connects_receives_and_resumes(version: &str) {
    let relay = Relay::start();
    let node = Node::start();
    let token = node.mint(&relay.app.secret, "alice", "s").await;
    let mut client = node.connect(version, &relay.url(), &token).await;
    assert_eq!(client.expect_ready().await["recovered"], false);
    relay.publish_range("s", 1, 10).await;
    client.expect_numbers(1, 10).await;

    // It leaves by itself, and comes back by itself.
    client.tell("disconnect").await;
    client.expect("disconnect").await;
    relay.publish_range("s", 11, 60).await;
    client.tell("reconnect").await;
    let ready = client.expect_ready().await;
    assert_eq!(
        (ready["recovered"].as_bool(), ready["replayed"].as_u64()),
        (Some(true), Some(50))
    );
    client.expect_numbers(11, 60).await;

    // Its network goes; the library reconnects.
    client.tell("lose").await;
    client.expect("disconnect").await;
    let ready = client.expect_ready().await;
    assert_eq!(ready["recovered"], true);
    relay.publish_range("s", 61, 70).await;
    client.expect_numbers(61, 70).await;

    let refused = client
        .ask("relay:refresh", serde_json::json!({ "token": "garbage" }))
        .await;
    assert_eq!(refused["code"], "token_invalid");
}

#[tokio::test]
async fn version_4_8() {
    connects_receives_and_resumes("4.8").await;
}

#[tokio::test]
async fn version_4_7() {
    connects_receives_and_resumes("4.7").await;
}

#[tokio::test]
async fn version_4_5() {
    connects_receives_and_resumes("4.5").await;
}

#[tokio::test]
async fn version_4_0() {
    connects_receives_and_resumes("4.0").await;
}

#[tokio::test]
async fn a_relay_that_restarts_tells_its_clients_to_resync() {
    let node = Node::start();
    let mut relay = Relay::start();
    let token = node.mint(&relay.app.secret, "alice", "s").await;
    let mut client = node.connect("4.8", &relay.url(), &token).await;
    client.expect_ready().await;
    relay.publish_range("s", 1, 3).await;
    client.expect_numbers(1, 3).await;
    let address = relay.address;
    relay.stop();
    let bye = client.expect("relay:bye").await;
    assert_eq!(bye["code"], "draining");
    assert_eq!(
        client.expect("disconnect").await["reason"],
        "transport close"
    );
    relay.ended().await.unwrap();

    let relay = Relay::at(address);
    loop {
        // Until the new one listens, the library tries in vain, and may meet the old one once more.
        match client.next().await {
            (name, _) if name == "connect_error" || name == "disconnect" => {}
            (name, _) => {
                assert_eq!(name, "connect");
                break;
            }
        }
    }
    assert_eq!(client.expect("relay:ready").await["recovered"], false);
    assert_eq!(
        client.expect("relay:resync").await["reason"],
        "epoch_changed"
    );
    relay.publish_range("s", 4, 5).await;
    client.expect_numbers(4, 5).await;
}
