//! The main job, with published libraries on both ends.

use serde_json::{Value, json};

use crate::harness::{EventText, Node, Relay};

#[tokio::test]
async fn an_event_signed_by_standardwebhooks_reaches_every_stock_client_of_its_session() {
    let relay = Relay::start();
    let node = Node::start();
    let mut clients = Vec::new();
    for account in ["alice", "bob"] {
        let token = node.mint(&relay.app.secret, account, "poker-7").await;
        let mut client = node.connect("4.8", &relay.url(), &token).await;
        let ready = client.expect_ready().await;
        assert_eq!(ready["sessionId"], "poker-7");
        assert_eq!(ready["recovered"], false);
        assert_eq!(ready["replayed"], 0);
        clients.push(client);
    }

    let event = EventText::new("poker-7")
        .with("event", "vote.cast")
        .with("payload", json!({ "value": "5" }));
    let (status, receipt) = node
        .publish(&relay.url(), &relay.app.secret, &event.to_string())
        .await;

    assert_eq!(status, 202, "{receipt}");
    assert_eq!(receipt["duplicate"], false);
    for client in &mut clients {
        let envelope = client.expect("event").await;
        assert_eq!(envelope["id"], receipt["id"]);
        assert_eq!(envelope["sessionId"], "poker-7");
        assert_eq!(envelope["seq"], 1);
        assert_eq!(envelope["cursor"], receipt["cursor"]);
        assert_eq!(envelope["event"], "vote.cast");
        assert_eq!(envelope["payload"], json!({ "value": "5" }));
        assert_eq!(envelope["timestamp"], event.0["timestamp"]);
        assert_eq!(
            envelope["nonce"],
            Value::Null,
            "the nonce stays between publisher and relay"
        );
    }
}

#[tokio::test]
async fn the_payload_arrives_as_its_own_text() {
    let relay = Relay::start();
    let (mut client, _) =
        crate::harness::Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    // Numbers beyond a double, key order, escapes: as sent; white space between tokens goes.
    let payload = r#"{ "b" : 1.10, "a" : [ 12345678901234567890 , 1e2 ], "é\u00e9\/" : "a  b" }"#;
    let event = EventText::new("s")
        .with("payload", "HERE")
        .to_string()
        .replace("\"HERE\"", payload);
    relay
        .http
        .send(relay.app.signed("/events", event))
        .await
        .expect(202);

    let raw = client.next_text().await;
    let minified = r#""payload":{"b":1.10,"a":[12345678901234567890,1e2],"é\u00e9\/":"a  b"}"#;
    assert!(raw.contains(minified), "{raw}");
}
