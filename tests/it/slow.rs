//! A client that stopped reading holds nobody up, and loses nothing silently.

use std::time::{Duration, Instant};

use forge_relay_tests::history::violations;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::harness::app::Receipt;
use crate::harness::process::RelayProcess;
use crate::harness::recorder::published;
use crate::harness::subscriber::Opening;
use crate::harness::wait::until;
use crate::harness::{App, EventText, Http, Recorder, Relay, Subscriber};

/// Publishes `n = from..=to` of 1 kB each, as fast as the relay takes them.
async fn publish_large(app: &App, http: &Http, from: u64, to: u64) -> Vec<Receipt> {
    let text = "x".repeat(1_000);
    let mut receipts = Vec::new();
    let numbers: Vec<u64> = (from..=to).collect();
    for numbers in numbers.chunks(100) {
        let batch: Vec<Value> = numbers
            .iter()
            .map(|n| {
                EventText::new("s")
                    .with("payload", json!({ "n": n, "text": text }))
                    .0
            })
            .collect();
        let answer = http
            .send(app.signed("/events/batch", Value::from(batch).to_string()))
            .await;
        answer.expect(202);
        let all: Vec<Receipt> = serde_json::from_value(answer.json()["receipts"].take()).unwrap();
        receipts.extend(all);
    }
    receipts
}

/// Waits until so many clients are connected.
async fn connected(relay: &Relay, count: usize) {
    let wanted = format!(" {count}");
    until("the cut", || async {
        let metrics = relay.http.get("/metrics").await.text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("connected_clients"))?;
        line.ends_with(&wanted).then_some(())
    })
    .await;
}

/// One client stops reading, one is healthy, 20,000 events go by; whatever happens, nobody has a hole.
async fn twenty_thousand_past_one_that_stopped(settings: &str, all_must_arrive: bool) {
    const EVENTS: u64 = 20_000;
    let relay = Relay::with(&format!("limits.write_deadline = \"1s\"\n{settings}"));
    let token = relay.app.token("alice", "s");
    let auth = json!({ "token": token });
    let mut stopped = relay.opening().receive_buffer(4_096).connect(&auth).await;
    let mut stopped_story = Recorder::new("stopped", "s");
    stopped_story.ready(&stopped.expect_ready().await);
    let (mut healthy, ready) = Subscriber::join(relay.address, &token).await;
    let mut healthy_story = Recorder::new("healthy", "s");
    healthy_story.ready(&ready);

    let publishing = async {
        let start = Instant::now();
        let receipts = publish_large(&relay.app, &relay.http, 1, EVENTS).await;
        (receipts, start.elapsed())
    };
    let reading = async {
        loop {
            let said = healthy.next().await;
            assert!(healthy_story.hear(said), "the healthy one is not cut");
            if healthy_story.at().is_some_and(|place| place.seq == EVENTS) {
                break;
            }
        }
    };
    let ((receipts, took), ()) = tokio::join!(publishing, reading);
    assert!(
        took < Duration::from_secs(60),
        "the stopped one holds publishers up: {took:?}"
    );
    assert_eq!(receipts.len() as u64, EVENTS);

    // It is cut at the write deadline; what it still had in its pipe counts.
    connected(&relay, 1).await;
    stopped_story
        .drain(&mut stopped, Duration::from_secs(5))
        .await;
    let cursor = stopped_story.cursor.clone().unwrap();
    let (mut back, ready) = Subscriber::resume(relay.address, &token, &cursor).await;
    stopped_story.ready(&ready);
    stopped_story
        .drain(&mut back, Duration::from_millis(700))
        .await;

    healthy_story.client.finished = true;
    stopped_story.client.finished = true;
    let receipts: Vec<_> = receipts.iter().map(published).collect();
    if all_must_arrive {
        assert_eq!(
            healthy_story.client.seen.len() as u64,
            EVENTS + 1,
            "20,000 in order, and no resync"
        );
    }
    assert_eq!(
        violations(&receipts, &[healthy_story.client, stopped_story.client]),
        []
    );
}

#[tokio::test]
async fn with_a_large_log_the_healthy_client_has_all_twenty_thousand() {
    let settings = "limits.log_events = 25000\nlimits.log_bytes = \"64MiB\"";
    twenty_thousand_past_one_that_stopped(settings, true).await;
}

#[tokio::test]
async fn with_the_default_log_nobody_has_a_hole() {
    twenty_thousand_past_one_that_stopped("", false).await;
}

#[tokio::test]
async fn one_that_stopped_is_cut_at_the_write_deadline() {
    let relay = Relay::with("limits.write_deadline = \"300ms\"");
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut stopped = relay.opening().receive_buffer(4_096).connect(&auth).await;
    stopped.expect_ready().await;
    publish_large(&relay.app, &relay.http, 1, 20_000).await;
    connected(&relay, 0).await;
}

#[tokio::test]
async fn one_that_drips_is_cut_too() {
    let relay = Relay::with("limits.write_deadline = \"500ms\"\nlimits.least_rate = \"256KiB\"");
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut dripping = relay.opening().receive_buffer(4_096).connect(&auth).await;
    dripping.expect_ready().await;
    publish_large(&relay.app, &relay.http, 1, 20_000).await;
    let mut stream = dripping.socket.into_inner();
    let drip = async {
        // Steady progress, at a rate that would keep its outbox for minutes.
        let mut drop = [0; 1_024];
        while stream.read(&mut drop).await.is_ok_and(|bytes| bytes > 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = drip => {}
        () = connected(&relay, 0) => {}
    }
}

#[tokio::test]
async fn one_that_stopped_does_not_hold_the_end_up() {
    let mut relay = Relay::with("limits.drain = \"300ms\"\nlimits.write_deadline = \"1s\"");
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut stopped = relay.opening().receive_buffer(4_096).connect(&auth).await;
    stopped.expect_ready().await;
    publish_large(&relay.app, &relay.http, 1, 20_000).await;
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
async fn one_that_reads_again_in_time_has_everything() {
    // On a busy machine publishing takes longer than the defaults give a client that takes nothing.
    let patient = "limits.write_deadline = \"60s\"\nlimits.least_rate = \"0B\"";
    let large_log = "limits.log_events = 25000\nlimits.log_bytes = \"64MiB\"";
    let relay = Relay::with(&format!("{patient}\n{large_log}"));
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut pausing = relay.opening().receive_buffer(4_096).connect(&auth).await;
    pausing.expect_ready().await;
    publish_large(&relay.app, &relay.http, 1, 10_000).await;
    pausing.expect_numbers(1, 10_000).await;
}

/// What the process occupies, in bytes.
fn resident(process: &RelayProcess) -> u64 {
    let id = process.child.id().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fifty_that_stopped_cost_no_more_than_the_log_and_their_outboxes() {
    const MIB: u64 = 1024 * 1024;
    let app = App::new();
    let relay = RelayProcess::serve(&[
        ("RELAY_SECRET", &app.secret),
        ("RELAY_LIMITS_WRITE_DEADLINE", "60s"),
        ("RELAY_LIMITS_LEAST_RATE", "0B"),
    ]);
    let address = relay.address().await;
    let auth = json!({ "token": app.token("alice", "s") });
    let mut stopped = Vec::new();
    for _ in 0..50 {
        let mut client = Opening::to(address)
            .receive_buffer(4_096)
            .connect(&auth)
            .await;
        client.expect_ready().await;
        stopped.push(client);
    }
    let before = resident(&relay);
    // 20 MB: what each of them would have in a queue that nobody bounds.
    publish_large(&app, &Http::new(address), 1, 20_000).await;
    let grown = resident(&relay).saturating_sub(before);
    // The log, the outboxes, and as much again for nonces and the allocator.
    let bound = 2 * (4 * MIB + 50 * 64 * 1024) + 24 * MIB;
    assert!(
        grown < bound,
        "{} MiB, and {} MiB at most",
        grown / MIB,
        bound / MIB
    );
}
