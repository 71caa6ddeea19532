//! A stream whose client stopped reading holds nobody up, is cut in time, and loses nothing silently.

use std::time::{Duration, Instant};

use forge_relay_tests::history::violations;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::app::Receipt;
use crate::harness::recorder::published;
use crate::harness::wait::until;
use crate::harness::{EventText, Recorder, Relay, within};

/// Publishes `n = from..=to` of 1 kB each.
async fn publish_large(relay: &Relay, from: u64, to: u64) -> Vec<Receipt> {
    let text = "x".repeat(1_000);
    let mut receipts = Vec::new();
    let numbers: Vec<u64> = (from..=to).collect();
    for numbers in numbers.chunks(100) {
        let event = |n: &u64| {
            let payload = json!({ "n": n, "text": text });
            EventText::new("s").with("payload", payload).0
        };
        let batch: Vec<Value> = numbers.iter().map(event).collect();
        let request = relay
            .app
            .signed("/events/batch", Value::from(batch).to_string());
        let answer = relay.http.send(request).await;
        let all = answer.expect(202).json()["receipts"].take();
        receipts.extend(serde_json::from_value::<Vec<Receipt>>(all).unwrap());
    }
    receipts
}

/// Waits until the metrics have this line.
async fn metrics_say(relay: &Relay, line: &str) {
    let line = format!("\n{line}\n");
    until("the cut", || async {
        let metrics = relay.http.get("/metrics").await.text();
        metrics.contains(&line).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_stopped_is_cut_while_a_healthy_one_goes_on() {
    const EVENTS: u64 = 20_000;
    let relay = Relay::with("limits.write_deadline = \"1s\"");
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (mut stopped, ready) = follow.open().await;
    let mut stopped_story = Recorder::new("stopped", "s");
    stopped_story.ready_at(&ready.cursor, ready.recovered);
    let (mut healthy, ready) = relay.follow("bob", "s").open().await;
    let mut healthy_story = Recorder::new("healthy", "s");
    healthy_story.ready_at(&ready.cursor, ready.recovered);

    let start = Instant::now();
    let publishing = async { (publish_large(&relay, 1, EVENTS).await, start.elapsed()) };
    let reading = async {
        while healthy_story.at().is_none_or(|place| place.seq < EVENTS) {
            assert!(
                healthy_story.hear(healthy.said().await),
                "the healthy one is not cut"
            );
        }
    };
    let ((receipts, took), ()) = tokio::join!(publishing, reading);
    assert!(took < Duration::from_secs(60), "{took:?}");
    metrics_say(&relay, "connected_clients 1").await;
    metrics_say(&relay, "relay_slow_clients_cut_total 1").await;
    metrics_say(&relay, "relay_outbox_bytes 0").await;

    // What was in its pipe counts; from there it comes back.
    while stopped_story.hear(stopped.said().await) {}
    let cursor = stopped_story.cursor.clone().unwrap();
    let mut back = relay
        .follow("alice", "s")
        .last_event_id(&cursor)
        .ask()
        .await;
    while let Some(message) = back.next_in(Duration::from_millis(700)).await {
        let data = serde_json::from_str(&message.data).unwrap();
        stopped_story.hear_stream(&message.event, data);
    }
    healthy_story.client.finished = true;
    stopped_story.client.finished = true;
    let receipts: Vec<_> = receipts.iter().map(published).collect();
    assert_eq!(
        violations(&receipts, &[healthy_story.client, stopped_story.client]),
        []
    );
}

#[tokio::test]
async fn one_that_reads_again_in_time_has_everything() {
    let settings = "limits.write_deadline = \"60s\"\nlimits.least_rate = \"0B\"\n\
                    limits.log_events = 25000\nlimits.log_bytes = \"64MiB\"";
    let relay = Relay::with(settings);
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (mut pausing, _) = follow.open().await;
    publish_large(&relay, 1, 8_000).await;
    pausing.expect_numbers(1, 8_000).await;
}

#[tokio::test]
async fn one_that_fell_behind_the_log_is_told() {
    let relay = Relay::with(
        "limits.write_deadline = \"60s\"\nlimits.least_rate = \"0B\"\nlimits.log_events = 100",
    );
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (mut behind, ready) = follow.open().await;
    let mut story = Recorder::new("behind", "s");
    story.ready_at(&ready.cursor, ready.recovered);
    let receipts = publish_large(&relay, 1, 20_000).await;
    while story.at().is_none_or(|place| place.seq < 20_000) {
        assert!(story.hear(behind.said().await));
    }
    story.client.finished = true;
    let resyncs = relay.http.get("/metrics").await.text();
    assert!(
        resyncs.contains("relay_resyncs_total{reason=\"fell_behind\"}"),
        "{resyncs}"
    );
    let receipts: Vec<_> = receipts.iter().map(published).collect();
    assert_eq!(violations(&receipts, &[story.client]), []);
}

#[tokio::test]
async fn one_that_drips_is_cut_too() {
    let relay = Relay::with("limits.write_deadline = \"500ms\"\nlimits.least_rate = \"256KiB\"");
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (mut dripping, _) = follow.open().await;
    publish_large(&relay, 1, 20_000).await;
    let drip = async {
        let mut drop = [0; 1_024];
        while dripping
            .tcp
            .read(&mut drop)
            .await
            .is_ok_and(|bytes| bytes > 0)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = drip => {}
        () = metrics_say(&relay, "connected_clients 0") => {}
    }
}

#[tokio::test]
async fn when_all_outboxes_hold_too_much_the_one_that_takes_nothing_goes() {
    let relay = Relay::with(
        "limits.write_deadline = \"60s\"\nlimits.least_rate = \"0B\"\nlimits.all_outboxes = \"64KiB\"\nlimits.catch_up_write = \"64KiB\"",
    );
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (stopped, _) = follow.open().await;
    let (mut healthy, _) = relay.follow("bob", "s").open().await;
    let reading = async { while healthy.expect_event().await.1.payload["n"] != 6_000 {} };
    tokio::join!(publish_large(&relay, 1, 6_000), reading);
    // Its last chunk was counted when nothing was waiting yet; whoever is over the limit next looks again.
    publish_large(&relay, 6_001, 6_001).await;
    metrics_say(&relay, "connected_clients 1").await;
    drop(stopped);
}

#[tokio::test]
async fn one_that_stopped_does_not_hold_the_end_up() {
    let mut relay = Relay::with("limits.drain = \"300ms\"\nlimits.write_deadline = \"30s\"");
    let follow = relay.follow("alice", "s").receive_buffer(4_096);
    let (_stopped, _) = follow.open().await;
    publish_large(&relay, 1, 20_000).await;
    let start = Instant::now();
    relay.stop();
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn whoever_does_not_read_a_page_is_cut_as_well() {
    let relay = Relay::with("limits.write_deadline = \"500ms\"");
    publish_large(&relay, 1, 900).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut tcp = socket.connect(relay.address).await.unwrap();
    let request = format!(
        "{} /sessions/s/events?limit=500 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        Method::GET,
        relay.app.secret
    );
    // Many, so that no buffer of the system takes them all.
    for _ in 0..20 {
        if tcp.write_all(request.as_bytes()).await.is_err() {
            break;
        }
    }
    metrics_say(&relay, "relay_slow_clients_cut_total 1").await;
    let mut all = Vec::new();
    let _ = within("the end", tcp.read_to_end(&mut all)).await;
}
