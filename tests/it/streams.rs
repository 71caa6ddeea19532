//! Following a session over server-sent events: the same promise as over Socket.IO, by one plain HTTP request.

use std::time::{Duration, Instant};

use forge_relay_tests::history::violations;
use serde_json::json;

use crate::harness::recorder::published;
use crate::harness::subscriber::Opening;
use crate::harness::wait::until;
use crate::harness::{EventText, Follow, Recorder, Relay, Subscriber, now};

async fn connected(relay: &Relay, count: usize) {
    let line = format!("\nconnected_clients {count}\n");
    until("the number of clients", || async {
        let metrics = relay.http.get("/metrics").await.text();
        metrics.contains(&line).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_begins_at_the_head_and_has_every_event_from_there() {
    let relay = Relay::start();
    let head = relay.publish_range("s", 1, 3).await.pop().unwrap();
    let (mut stream, ready) = relay.follow("alice", "s").open().await;
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        stream.header("cache-control"),
        Some("no-cache, no-transform")
    );
    assert_eq!(stream.header("x-accel-buffering"), Some("no"));
    assert_eq!(stream.header("content-encoding"), None);
    assert_eq!(stream.retry, Some(2_000));
    assert_eq!(ready.session_id, "s");
    assert_eq!(Some(&*ready.connection_id), stream.header("x-request-id"));
    assert_eq!(
        (&ready.cursor, ready.recovered, ready.replayed),
        (&head.cursor, false, 0)
    );
    assert!((now() + 295..=now() + 300).contains(&ready.expires_at.unwrap()));
    relay.publish_range("s", 4, 250).await;
    stream.expect_numbers(4, 250).await;
    connected(&relay, 1).await;
}

#[tokio::test]
async fn five_hundred_missed_events_come_back_in_order_before_live_ones() {
    let relay = Relay::start();
    let (mut stream, _) = relay.follow("alice", "s").open().await;
    relay.publish_range("s", 1, 5).await;
    stream.expect_numbers(1, 5).await;
    let last = stream.last_id.clone().unwrap();
    drop(stream);
    relay.publish_range("s", 6, 505).await;
    // The place of a client that comes back wins over the one that its address still has.
    let follow = relay
        .follow("alice", "s")
        .after("garbage")
        .last_event_id(&last);
    let (mut stream, ready) = follow.open().await;
    assert_eq!(
        (&*ready.cursor, ready.recovered, ready.replayed),
        (&*last, true, 500)
    );
    relay.publish_range("s", 506, 520).await;
    stream.expect_numbers(6, 520).await;

    let (mut stream, ready) = relay.follow("alice", "s").after(&last).open().await;
    assert_eq!((ready.recovered, ready.replayed), (true, 515));
    stream.expect_numbers(6, 520).await;
}

#[tokio::test]
async fn an_event_is_byte_for_byte_what_a_socket_io_client_gets() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (mut socket, _) = Subscriber::join(relay.address, &token).await;
    let (mut stream, _) = relay.follow("bob", "s").open().await;
    for payload in [
        json!(null),
        json!("a\r\nb\u{2028}c\u{7f}😀 \"quoted\" \\"),
        json!({ "cursor": "not this one", "n": 1.50, "deep": [[[{ "": "data: x\n\n" }]]] }),
        json!("x".repeat(65_000)),
    ] {
        relay
            .publish(&EventText::new("s").with("payload", payload))
            .await;
        let packet = socket.next_text().await;
        let message = stream.expect_event().await.0;
        assert_eq!(packet, format!("42[\"event\",{}]", message.data));
    }
    // As it was published, not as somebody would write it anew.
    let text = EventText::new("s").to_string();
    let text = text.replace(
        "{\"value\":\"5\"}",
        "{ \"b\" : 1.0e2, \"a\": \"\\u0041\\/\" }",
    );
    relay
        .http
        .send(relay.app.signed("/events", text))
        .await
        .expect(202);
    let message = stream.expect_event().await.0;
    assert!(
        message
            .data
            .contains(r#""payload":{"b":1.0e2,"a":"\u0041\/"}"#),
        "{message:?}"
    );
}

#[tokio::test]
async fn a_place_that_is_gone_resyncs_with_its_reason_and_goes_on() {
    let gone = {
        let other = Relay::start();
        other.publish_range("s", 1, 3).await.pop().unwrap().cursor
    };
    let relay = Relay::with("limits.log_events = 10");
    let receipts = relay.publish_range("s", 1, 30).await;
    let (epoch, _) = receipts[0].cursor.split_once('-').unwrap();
    for (next, (cursor, reason)) in (31..).zip([
        (&*gone, "epoch_changed"),
        (&*receipts[4].cursor, "trimmed"),
        (&*format!("{epoch}-99999"), "unknown_cursor"),
        ("garbage", "unknown_cursor"),
    ]) {
        let mut stream = relay.follow("alice", "s").last_event_id(cursor).ask().await;
        let ready = stream.next().await.unwrap();
        assert_eq!(ready.event, "relay:ready");
        assert_eq!(
            ready.id, None,
            "whoever loses the stream here is told again"
        );
        let resync = stream.expect_resync().await;
        assert_eq!(resync.reason, reason, "{cursor}");
        assert!(ready.data.contains(&resync.cursor), "{ready:?}");
        relay.publish_range("s", next, next).await;
        stream.expect_numbers(next, next).await;
    }
    // An empty Last-Event-ID is none.
    let (_, ready) = relay.follow("alice", "s").last_event_id("").open().await;
    assert!(!ready.recovered);
}

#[tokio::test]
async fn a_quiet_stream_has_comments() {
    let relay = Relay::with("limits.stream_heartbeat = \"100ms\"");
    let (mut stream, _) = relay.follow("alice", "s").open().await;
    let start = Instant::now();
    assert_eq!(stream.next_in(Duration::from_millis(1_050)).await, None);
    let most = start.elapsed().as_millis() / 100;
    assert!(
        (3..=most).contains(&(stream.comments as u128)),
        "{}",
        stream.comments
    );
    relay.publish_range("s", 1, 1).await;
    stream.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn a_token_that_expires_is_announced_and_ends_its_stream_with_a_bye() {
    let relay = Relay::with("limits.token_leeway = \"1s\"");
    let token = relay
        .app
        .token_text("alice", "s")
        .expires_in(2)
        .signed(&relay.app.key());
    let start = now();
    let (mut stream, ready) = Follow::new(relay.address, "s", &token).open().await;
    assert_eq!(ready.expires_at, Some(start + 2));
    relay.publish_range("s", 1, 1).await;
    stream.expect_numbers(1, 1).await;
    let expiring = stream.expect_expiring().await;
    assert_eq!(expiring.expires_at, start + 2, "told at half its life");
    assert!((0..=1).contains(&expiring.in_seconds), "{expiring:?}");
    let bye = stream.expect_bye().await;
    assert_eq!((bye.code.as_str(), bye.reconnect), ("token_expired", true));
    assert!(
        (3..=6).contains(&(now() - start)),
        "at exp and the leeway: {}",
        now() - start
    );
    connected(&relay, 0).await;
    let last = stream.last_id.clone().unwrap();
    let (_, ready) = relay.follow("alice", "s").last_event_id(&last).open().await;
    assert!(ready.recovered);
}

#[tokio::test]
async fn a_publishers_stream_needs_no_token_and_does_not_expire() {
    // The deadlines of a request are not those of its answer.
    let relay = Relay::with(
        "limits.token_leeway = \"0s\"\nlimits.token_life = \"1s\"\nlimits.header_deadline = \"200ms\"\n\
         limits.body_deadline = \"200ms\"\nlimits.write_deadline = \"200ms\"",
    );
    let (mut stream, ready) = Follow::new(relay.address, "s", &relay.app.secret)
        .open()
        .await;
    assert_eq!(ready.expires_at, None);
    assert_eq!(stream.next_in(Duration::from_millis(1_500)).await, None);
    relay.publish_range("s", 1, 1).await;
    stream.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_is_forgotten_at_once() {
    let relay = Relay::start();
    for bearer in [relay.app.secret.clone(), relay.app.token("alice", "s")] {
        let (stream, _) = Follow::new(relay.address, "s", &bearer).open().await;
        connected(&relay, 1).await;
        drop(stream);
        connected(&relay, 0).await;
    }
}

#[tokio::test]
async fn a_relay_that_ends_says_goodbye_to_each_at_its_own_time() {
    let mut relay = Relay::with("limits.drain = \"1s\"");
    let mut streams = Vec::new();
    for n in 0..10 {
        streams.push(relay.follow("alice", &format!("s{n}")).open().await.0);
    }
    let (mut socket, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let start = Instant::now();
    relay.stop();
    let mut waits = Vec::new();
    for stream in &mut streams {
        let bye = stream.expect_bye().await;
        assert_eq!((bye.code.as_str(), bye.reconnect), ("draining", true));
        assert_eq!(stream.retry, bye.after_ms, "who knows no bye waits as long");
        waits.push(bye.after_ms.unwrap());
    }
    assert_eq!(socket.expect_bye().await.code, "draining");
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    waits.dedup();
    assert!(waits.len() > 3, "jittered: {waits:?}");
}

#[tokio::test]
async fn a_stream_alone_does_not_hold_the_end_up() {
    let mut relay = Relay::with("limits.drain = \"30s\"");
    let (mut stream, _) = relay.follow("alice", "s").open().await;
    let start = Instant::now();
    relay.stop();
    stream.expect_bye().await;
    drop(stream);
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn streams_and_sockets_of_a_session_see_the_same() {
    const EVENTS: u64 = 20_000;
    let relay = Relay::with("limits.log_events = 25000\nlimits.log_bytes = \"64MiB\"");
    let auth = json!({ "token": relay.app.token("carol", "s") });
    let mut socket = Opening::to(relay.address).connect(&auth).await;
    let mut socket_story = Recorder::new("socket", "s");
    socket_story.ready(&socket.expect_ready().await);
    let (mut stream, ready) = relay.follow("alice", "s").open().await;
    let mut stream_story = Recorder::new("stream", "s");
    stream_story.ready_at(&ready.cursor, ready.recovered);
    // One that comes and goes all the time.
    let (first, ready) = relay.follow("bob", "s").open().await;
    let mut hopping_story = Recorder::new("hopping", "s");
    hopping_story.ready_at(&ready.cursor, ready.recovered);

    let publishing = relay.publish_range("s", 1, EVENTS);
    let at_end = |story: &Recorder| story.at().is_some_and(|place| place.seq == EVENTS);
    let socket_reading = async {
        while !at_end(&socket_story) {
            assert!(socket_story.hear(socket.next().await));
        }
    };
    let stream_reading = async {
        while !at_end(&stream_story) {
            assert!(stream_story.hear(stream.said().await));
        }
    };
    let hopping = async {
        let mut stream = first;
        while !at_end(&hopping_story) {
            for _ in 0..1_500 {
                if at_end(&hopping_story) {
                    break;
                }
                assert!(hopping_story.hear(stream.said().await));
            }
            let cursor = hopping_story.cursor.clone().unwrap();
            let (next, ready) = relay.follow("bob", "s").last_event_id(&cursor).open().await;
            hopping_story.ready_at(&ready.cursor, ready.recovered);
            stream = next;
        }
    };
    let (receipts, (), (), ()) = tokio::join!(publishing, socket_reading, stream_reading, hopping);
    let receipts: Vec<_> = receipts.iter().map(published).collect();
    let mut clients = Vec::new();
    for mut story in [socket_story, stream_story, hopping_story] {
        story.client.finished = true;
        clients.push(story.client);
    }
    for client in &clients[..2] {
        assert_eq!(
            client.seen.len() as u64,
            EVENTS + 1,
            "{}: all, and no resync",
            client.name
        );
    }
    assert_eq!(violations(&receipts, &clients), []);
}
