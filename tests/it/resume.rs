//! Coming back: exactly what was missed, or a resync that says why.

use crate::harness::{EventText, Relay, Subscriber};

#[tokio::test]
async fn five_hundred_missed_events_come_in_order_before_any_live_one_twice_in_a_row() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (mut client, _) = Subscriber::join(relay.address, &token).await;
    let mut cursor = relay.publish_range("s", 1, 3).await.pop().unwrap().cursor;
    client.expect_numbers(1, 3).await;
    client.leave().await;

    let mut newest = 3;
    for _ in 0..2 {
        relay.publish_range("s", newest + 1, newest + 500).await;
        let (mut client, ready) = Subscriber::resume(relay.address, &token, &cursor).await;
        assert!(ready.recovered);
        assert_eq!(ready.replayed, 500);
        assert_eq!(ready.cursor, cursor, "it starts where it was");
        let live = relay.publish_range("s", newest + 501, newest + 501).await;
        client.expect_numbers(newest + 1, newest + 501).await;
        client.expect_silence().await;
        client.leave().await;
        newest += 501;
        cursor.clone_from(&live[0].cursor);
    }
}

#[tokio::test]
async fn the_same_place_can_be_returned_to_again() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let receipts = relay.publish_range("s", 1, 20).await;
    for _ in 0..3 {
        let (mut client, ready) =
            Subscriber::resume(relay.address, &token, &receipts[9].cursor).await;
        assert_eq!((ready.recovered, ready.replayed), (true, 10));
        client.expect_numbers(11, 20).await;
        client.leave().await;
    }
}

#[tokio::test]
async fn a_client_that_had_seen_nothing_resumes_from_the_cursor_of_ready() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (client, ready) = Subscriber::join(relay.address, &token).await;
    client.leave().await;
    relay.publish_range("s", 1, 7).await;
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &ready.cursor).await;
    assert_eq!((ready.recovered, ready.replayed), (true, 7));
    client.expect_numbers(1, 7).await;
}

#[tokio::test]
async fn a_client_that_missed_nothing_is_recovered_with_nothing() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let head = relay.publish_range("s", 1, 7).await.pop().unwrap();
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &head.cursor).await;
    assert_eq!(
        (ready.recovered, ready.replayed, ready.cursor),
        (true, 0, head.cursor)
    );
    relay.publish_range("s", 8, 8).await;
    client.expect_numbers(8, 8).await;
}

/// The client is put at the head, told why, and goes on.
async fn resynced(relay: &Relay, cursor: &str) -> String {
    let newest = relay.publish(&EventText::numbered("s", 1000)).await;
    let (mut client, ready) =
        Subscriber::resume(relay.address, &relay.app.token("alice", "s"), cursor).await;
    assert!(!ready.recovered, "{cursor}");
    assert_eq!(ready.replayed, 0, "{cursor}");
    let resync = client.expect_resync().await;
    assert_eq!(resync.cursor, newest.cursor, "{cursor}");
    assert_eq!(ready.cursor, resync.cursor, "{cursor}");
    relay.publish_range("s", 1001, 1001).await;
    client.expect_numbers(1001, 1001).await;
    client.expect_silence().await;
    resync.reason
}

#[tokio::test]
async fn a_cursor_of_a_relay_that_is_gone_resyncs() {
    let cursor = {
        let gone = Relay::start();
        gone.publish_range("s", 1, 3).await.pop().unwrap().cursor
    };
    let relay = Relay::start();
    relay.publish_range("s", 1, 9).await;
    assert_eq!(resynced(&relay, &cursor).await, "epoch_changed");
}

#[tokio::test]
async fn a_cursor_from_before_the_log_resyncs() {
    let relay = Relay::with("limits.log_events = 10");
    let receipts = relay.publish_range("s", 1, 30).await;
    assert_eq!(resynced(&relay, &receipts[4].cursor).await, "trimmed");
}

#[tokio::test]
async fn the_oldest_place_that_the_log_still_serves_is_served_whole() {
    let relay = Relay::with("limits.log_events = 10");
    let receipts = relay.publish_range("s", 1, 30).await;
    // Events 21 to 30 are kept, so a client that has 20 lacks nothing.
    let token = relay.app.token("alice", "s");
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &receipts[19].cursor).await;
    assert_eq!((ready.recovered, ready.replayed), (true, 10));
    client.expect_numbers(21, 30).await;
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &receipts[18].cursor).await;
    assert!(!ready.recovered);
    assert_eq!(client.expect_resync().await.reason, "trimmed");
}

#[tokio::test]
async fn events_older_than_the_logs_age_are_gone_and_said_to_be() {
    let relay = Relay::with("limits.log_age = \"1s\"");
    let receipts = relay.publish_range("s", 1, 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_300)).await;
    relay.publish_range("s", 4, 4).await;
    assert_eq!(resynced(&relay, &receipts[0].cursor).await, "trimmed");
}

#[tokio::test]
async fn a_cursor_of_the_future_resyncs() {
    let relay = Relay::start();
    let head = relay.publish_range("s", 1, 3).await.pop().unwrap().cursor;
    let (epoch, _) = head.split_once('-').unwrap();
    assert_eq!(
        resynced(&relay, &format!("{epoch}-999999")).await,
        "unknown_cursor"
    );
}

#[tokio::test]
async fn a_cursor_that_never_was_resyncs_and_is_never_refused() {
    let relay = Relay::start();
    relay.publish_range("s", 1, 3).await;
    let long = "x".repeat(4_000);
    for cursor in [
        "",
        "garbage",
        "-",
        "0-0",
        "0000000000000000-00",
        "-1",
        "😀",
        long.as_str(),
    ] {
        let reason = resynced(&relay, cursor).await;
        assert!(
            matches!(reason.as_str(), "unknown_cursor" | "epoch_changed"),
            "{cursor}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_session_that_was_idle_for_long_starts_anew_and_says_so() {
    let relay = Relay::with("limits.idle_session = \"200ms\"");
    let token = relay.app.token("alice", "s");
    let first = relay.publish_range("s", 1, 1).await.pop().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let (mut client, ready) = Subscriber::resume(relay.address, &token, &first.cursor).await;
    assert!(!ready.recovered);
    assert_eq!(client.expect_resync().await.reason, "epoch_changed");
}

#[tokio::test]
async fn a_session_with_a_reader_is_never_dropped() {
    let relay = Relay::with("limits.idle_session = \"200ms\"");
    let (mut client, ready) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(
        client
            .next_in(std::time::Duration::from_millis(1_500))
            .await,
        None
    );
    let receipt = relay.publish_range("s", 1, 1).await.pop().unwrap();
    assert_eq!(
        receipt.cursor.split_once('-').unwrap().0,
        ready.cursor.split_once('-').unwrap().0
    );
    client.expect_numbers(1, 1).await;
}
