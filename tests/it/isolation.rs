//! No client of another session or app ever has an event.

use serde_json::json;

use crate::harness::{App, EventText, Relay, Subscriber};

#[tokio::test]
async fn another_session_never_has_the_event() {
    let relay = Relay::start();
    let (mut here, _) = Subscriber::join(relay.address, &relay.app.token("alice", "here")).await;
    let (mut there, _) = Subscriber::join(relay.address, &relay.app.token("alice", "there")).await;

    let event = EventText::new("here");
    relay.publish(&event).await;

    let envelope = here.expect_event().await;
    assert_eq!(envelope.session_id, "here");
    assert_eq!(envelope.event, event.0["event"]);
    assert_eq!(envelope.timestamp, event.0["timestamp"]);
    there.expect_silence().await;
}

#[tokio::test]
async fn the_same_session_of_another_app_never_has_the_event() {
    let (red, blue) = (App::named("red"), App::named("blue"));
    let relay = Relay::serving(&[red.clone(), blue.clone()], "");
    let token = |app: &App| {
        app.token_text("alice", "s")
            .with("iss", app.id)
            .signed(&app.key())
    };
    let (mut in_red, _) = Subscriber::join(relay.address, &token(&red)).await;
    let (mut in_blue, _) = Subscriber::join(relay.address, &token(&blue)).await;

    let receipt = red.publish(&relay.http, &EventText::new("s")).await;

    assert_eq!(in_red.expect_event().await.id, receipt.id);
    in_blue.expect_silence().await;
}

#[tokio::test]
async fn apps_share_neither_numbering_nor_nonces() {
    let (red, blue) = (App::named("red"), App::named("blue"));
    let relay = Relay::serving(&[red.clone(), blue.clone()], "");
    let event = EventText::new("s");
    let in_red = red.publish(&relay.http, &event).await;
    let in_blue = blue
        .publish(&relay.http, &event.with("payload", json!("another")))
        .await;
    assert_eq!((in_red.seq, in_blue.seq), (1, 1));
    assert!(!in_blue.duplicate);
    assert_ne!(in_red.cursor, in_blue.cursor, "each log has its own epoch");
}

#[tokio::test]
async fn a_cursor_of_another_session_leaks_nothing() {
    let relay = Relay::start();
    let receipts = relay.publish_range("there", 1, 5).await;
    let token = relay.app.token("alice", "here");
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &receipts[1].cursor).await;
    assert!(!ready.recovered);
    let resync = client.expect_resync().await;
    assert_eq!(resync.reason, "epoch_changed");
    assert_eq!(resync.cursor, ready.cursor);
    client.expect_silence().await;
}
