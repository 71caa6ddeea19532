//! From polling to a WebSocket, at every moment at which it could go wrong: nothing lost, repeated or out of order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_tests::history::{Client, Published, violations};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::app::Receipt;
use crate::harness::polling::{expect_error, packets};
use crate::harness::recorder::published;
use crate::harness::subscriber::{Bye, Opening};
use crate::harness::{
    Answer, App, EventText, Http, Poller, Recorder, Relay, Said, Subscriber, within,
};

async fn poller(relay: &Relay) -> Poller {
    Poller::join(relay.address, &relay.app.token("alice", "s"))
        .await
        .0
}

/// Every event of the range with 1 kB of text, so that a few hundred are more than one payload.
async fn publish_large(relay: &Relay, from: u64, to: u64) {
    let numbers: Vec<u64> = (from..=to).collect();
    for numbers in numbers.chunks(100) {
        let batch: Vec<Value> = numbers
            .iter()
            .map(|n| {
                EventText::new("s")
                    .with("payload", json!({ "n": n, "text": "x".repeat(1_000) }))
                    .0
            })
            .collect();
        let batch = Value::from(batch).to_string();
        relay
            .http
            .send(relay.app.signed("/events/batch", batch))
            .await
            .expect(202);
    }
}

async fn waiting_is_nothing(relay: &Relay) {
    relay.metric_is("connected_clients", 0.0).await;
    relay.metric_is("relay_clients_behind", 0.0).await;
    relay.metric_is("relay_outbox_bytes", 0.0).await;
}

#[tokio::test]
async fn a_poll_that_waits_is_answered_and_the_rest_comes_over_the_socket() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let poll = poller.begin_poll().await;
    let mut socket = poller.probe().await;
    let answer = within("the poll", poll).await.unwrap();
    assert_eq!(answer.text(), "6", "there is nothing else to say");
    relay.publish_range("s", 1, 3).await;
    socket.send("5").await;
    socket.expect_numbers(1, 3).await;
    relay.publish_range("s", 4, 200).await;
    socket.expect_numbers(4, 200).await;
    socket.expect_silence().await;
    let late = poller.poll().await;
    assert_eq!(late.status, 400, "it polls no more");
    socket.leave().await;
    waiting_is_nothing(&relay).await;
}

#[tokio::test]
async fn the_socket_takes_over_with_a_poll_in_flight() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let mut socket = poller.socket().await;
    let poll = poller.begin_poll().await;
    // Without waiting for the poll's answer: no stock client does it.
    socket.send("2probe").await;
    socket.send("5").await;
    assert_eq!(socket.next_text().await, "3probe");
    let answer = within("the poll", poll).await.unwrap();
    assert_eq!(answer.text(), "6");
    relay.publish_range("s", 1, 50).await;
    socket.expect_numbers(1, 50).await;
}

#[tokio::test]
async fn a_backlog_larger_than_a_payload_is_divided_between_the_two() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    publish_large(&relay, 1, 300).await;
    let answer = poller.poll().await;
    let polled = packets(&answer).len() as u64;
    assert!((10..300).contains(&polled), "{polled}");
    poller.take(&answer);
    let mut socket = poller.probe().await;
    // One more poll, which a stock client may have sent before it paused.
    let answer = poller.poll().await;
    let polled = polled + packets(&answer).len() as u64;
    poller.take(&answer);
    poller.expect_numbers(1, polled).await;
    publish_large(&relay, 301, 320).await;
    socket.send("5").await;
    socket.expect_numbers(polled + 1, 320).await;
    publish_large(&relay, 321, 330).await;
    socket.expect_numbers(321, 330).await;
    socket.expect_silence().await;
}

#[tokio::test]
async fn a_socket_may_take_over_before_connect() {
    let relay = Relay::start();
    let poller = Poller::open(relay.address).await;
    let mut socket = poller.upgrade().await;
    let auth = json!({ "token": relay.app.token("alice", "s") });
    socket.send(&format!("40{auth}")).await;
    socket.expect_ready().await;
    relay.publish_range("s", 1, 2).await;
    socket.expect_numbers(1, 2).await;
}

#[tokio::test]
async fn all_of_it_in_one_piece_behind_the_upgrade_request() {
    // The probe, the upgrade and a message, sent before anything was answered.
    let relay = Relay::start();
    let poller = poller(&relay).await;
    relay.publish_range("s", 1, 5).await;
    let mut socket = poller.socket().await;
    for packet in ["2probe", "5", "421[\"x\",null]"] {
        socket.send(packet).await;
    }
    assert_eq!(socket.next_text().await, "3probe");
    let mut acked = false;
    let mut next = 1;
    while !acked || next <= 5 {
        match socket.next().await {
            Said::Ack { id: 1, .. } => acked = true,
            Said::Event { data, .. } => {
                assert_eq!(data["payload"]["n"], next);
                next += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn with_a_message_in_flight() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let body = "421[\"x\",null]";
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        poller.path(),
        body.len()
    );
    let mut post = tokio::net::TcpStream::connect(relay.address).await.unwrap();
    post.write_all(head.as_bytes()).await.unwrap();
    post.write_all(&body.as_bytes()[..5]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut socket = poller.upgrade().await;
    relay.publish_range("s", 1, 1).await;
    socket.expect_numbers(1, 1).await;
    post.write_all(&body.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    within("the answer", post.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(matches!(socket.next().await, Said::Ack { id: 1, .. }));
    relay.publish_range("s", 2, 3).await;
    socket.expect_numbers(2, 3).await;
}

#[tokio::test]
async fn a_message_given_up_beside_the_upgrade_does_the_socket_no_harm() {
    use tokio::io::AsyncWriteExt;
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: relay\r\ncontent-length: 9\r\n\r\n42",
        poller.path()
    );
    let mut post = tokio::net::TcpStream::connect(relay.address).await.unwrap();
    post.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut socket = poller.upgrade().await;
    relay.publish_range("s", 1, 1).await;
    socket.expect_numbers(1, 1).await;
    drop(post);
    tokio::time::sleep(Duration::from_millis(50)).await;
    relay.publish_range("s", 2, 2).await;
    socket.expect_numbers(2, 2).await;
}

#[tokio::test]
async fn one_that_upgrades_and_goes_leaves_nothing_behind() {
    let relay = Relay::with("limits.idle_session = \"100ms\"");
    for _ in 0..20 {
        let poller = poller(&relay).await;
        let poll = poller.begin_poll().await;
        relay.publish_range("s", 1, 3).await;
        let socket = poller.upgrade().await;
        drop(socket);
        within("the poll", poll).await.unwrap();
    }
    waiting_is_nothing(&relay).await;
    relay.metric_is("relay_sessions", 0.0).await;
    // Only this test's own requests are left, when the idle ones are given up.
    relay.metric_is("relay_open_connections", 1.0).await;
}

#[tokio::test]
async fn one_that_probes_and_never_upgrades_goes_on_polling() {
    let relay = Relay::with("limits.handshake_deadline = \"500ms\"");
    let mut poller = poller(&relay).await;
    let mut socket = poller.probe().await;
    assert_eq!(poller.poll().await.text(), "6", "polls do not wait now");
    assert_eq!(socket.expect_closed().await, None, "it had its time");
    relay.publish_range("s", 1, 3).await;
    poller.expect_numbers(1, 3).await;
    // Polls wait again, and a later upgrade is as good.
    let poll = poller.begin_poll().await;
    assert!(!poll.is_finished());
    let mut socket = poller.probe().await;
    within("the poll", poll).await.unwrap();
    socket.send("5").await;
    relay.publish_range("s", 4, 5).await;
    socket.expect_numbers(4, 5).await;
}

#[tokio::test]
async fn a_socket_that_says_anything_else_is_ended_and_polling_goes_on() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    for wrong in ["5", "2", "40{}", "3probe", "2probex", ""] {
        let mut socket = poller.socket().await;
        socket.send(wrong).await;
        assert_eq!(socket.expect_closed().await, None, "{wrong}");
    }
    let mut socket = poller.probe().await;
    socket.send("2probe").await;
    assert_eq!(socket.expect_closed().await, None);
    relay.publish_range("s", 1, 3).await;
    poller.expect_numbers(1, 3).await;
}

#[tokio::test]
async fn of_two_that_probe_one_takes_over() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let mut first = poller.probe().await;
    let mut second = poller.probe().await;
    second.send("5").await;
    relay.publish_range("s", 1, 2).await;
    second.expect_numbers(1, 2).await;
    first.send("5").await;
    assert_eq!(first.expect_closed().await, None);
    relay.publish_range("s", 3, 4).await;
    second.expect_numbers(3, 4).await;
    second.expect_silence().await;
}

#[tokio::test]
async fn two_upgrades_at_the_same_time() {
    let relay = Relay::start();
    for round in 0..20 {
        let session = format!("s{round}");
        let token = relay.app.token("alice", &session);
        let (poller, _) = Poller::join(relay.address, &token).await;
        let (mut a, mut b) = tokio::join!(poller.probe(), poller.probe());
        tokio::join!(a.send("5"), b.send("5"));
        relay.publish_range(&session, 1, 2).await;
        let (a_end, b_end) = tokio::join!(a.next(), b.next());
        let (mut winner, said, other) = match (&a_end, &b_end) {
            (Said::Event { .. }, _) => (a, a_end, b_end),
            _ => (b, b_end, a_end),
        };
        assert!(matches!(said, Said::Event { data, .. } if data["payload"]["n"] == 1));
        assert_eq!(other, Said::Closed { code: None });
        winner.expect_numbers(2, 2).await;
    }
}

#[tokio::test]
async fn a_sid_that_is_dead_or_taken_upgrades_nothing() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", poller.sid);
    let mut socket = poller.upgrade().await;
    relay.publish_range("s", 1, 1).await;
    // What comes by it shows that the relay has heard of its upgrade.
    socket.expect_numbers(1, 1).await;
    // As Engine.IO's own server does: a second one opens, and is closed at once.
    let again = Opening::to(relay.address).path(&path).bare().await;
    let end = again.expect("it opens").expect_closed().await;
    assert_eq!(end, Some(1008), "the first has taken it");
    relay.publish_range("s", 2, 2).await;
    socket.expect_numbers(2, 2).await;
    socket.leave().await;
    relay.metric_is("connected_clients", 0.0).await;
    assert!(Opening::to(relay.address).path(&path).bare().await.is_err());
    let unknown = "/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAAAA";
    assert!(
        Opening::to(relay.address)
            .path(unknown)
            .bare()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_connection_that_dies_while_it_is_probed_stays_dead() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let mut socket = poller.probe().await;
    poller.say("1").await;
    socket.send("5").await;
    assert_eq!(socket.expect_closed().await, None);
    poller.expect_gone().await;
    waiting_is_nothing(&relay).await;
}

#[tokio::test]
async fn a_bye_reaches_one_that_is_about_to_upgrade() {
    let mut relay = Relay::with("limits.drain = \"3s\"");
    let poller = poller(&relay).await;
    let mut socket = poller.probe().await;
    relay.stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // It polls no more, as it was told that it may upgrade.
    socket.send("5").await;
    let bye: Bye = socket.expect("relay:bye").await;
    assert_eq!(bye.code, "draining");
    assert_eq!(socket.next_text().await, "1");
    assert!(matches!(socket.next().await, Said::Closed { .. }));
    relay.ended().await.unwrap();
}

#[tokio::test]
async fn pings_go_on_across_the_upgrade() {
    let relay = Relay::with("limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"600ms\"");
    // Pinged over polling, answered over the socket.
    let poller = poller(&relay).await;
    let answer = poller.poll().await;
    assert_eq!(packets(&answer), ["2"]);
    let mut socket = poller.upgrade().await;
    socket.send("3").await;
    let start = Instant::now();
    assert_eq!(socket.next_in(Duration::from_millis(1_500)).await, None);
    assert!(start.elapsed() >= Duration::from_millis(1_500));
    // One that is silent after its upgrade is cut like any other.
    socket.pongs = false;
    assert!(matches!(socket.next().await, Said::Closed { .. }));
    waiting_is_nothing(&relay).await;
}

#[tokio::test]
async fn a_request_for_a_poll_that_upgraded_is_refused_and_harms_nobody() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let path = poller.path();
    let mut socket = poller.upgrade().await;
    let http = Http::new(relay.address);
    relay.publish_range("s", 1, 1).await;
    socket.expect_numbers(1, 1).await;
    assert_eq!(http.get(&path).await.status, 400);
    let post = crate::harness::http::Request::post(&path).body("1");
    assert_eq!(http.send(post).await.status, 400);
    relay.publish_range("s", 2, 2).await;
    socket.expect_numbers(2, 2).await;
}

// ---- under load ----

/// When a client upgrades, and what is in flight then.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Polls before the probe.
    polls: usize,
    /// Whether a poll is in flight when it probes; its answer is awaited before the upgrade, as a stock client does.
    in_flight: bool,
    /// Polls between probe and upgrade.
    between: usize,
    /// Milliseconds between probe and upgrade.
    pause: u64,
    /// What it reads before it leaves and comes back with its cursor, by polling again.
    reads: usize,
    rounds: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        0..4_usize,
        any::<bool>(),
        0..3_usize,
        0..30_u64,
        0..60_usize,
        1..4_usize,
    )
        .prop_map(|(polls, in_flight, between, pause, reads, rounds)| Plan {
            polls,
            in_flight,
            between,
            pause,
            reads,
            rounds,
        })
}

#[test]
fn whenever_they_upgrade_all_agree_on_one_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 4,
        max_shrink_iters: 10,
        failure_persistence: None,
        ..Config::default()
    });
    let plans = prop::collection::vec(plan(), 6..14);
    runner
        .run(&plans, |plans| {
            let (receipts, clients) = runtime.block_on(run(plans));
            prop_assert_eq!(violations(&receipts, &clients), []);
            Ok(())
        })
        .unwrap();
}

async fn run(plans: Vec<Plan>) -> (Vec<Published>, Vec<Client>) {
    let relay = Arc::new(Relay::start());
    let clients: Vec<_> = plans
        .into_iter()
        .enumerate()
        .map(|(index, plan)| tokio::spawn(client(Arc::clone(&relay), index, plan)))
        .collect();
    let publishers: Vec<_> = (0..50)
        .map(|_| tokio::spawn(publisher(Arc::clone(&relay))))
        .collect();
    let mut receipts = Vec::new();
    for publisher in publishers {
        receipts.extend(publisher.await.unwrap().iter().map(published));
    }
    let newest = receipts.iter().map(|receipt| receipt.place.seq).max();
    let mut stories = Vec::new();
    for client in clients {
        let (mut story, mut socket) = client.await.unwrap();
        while story.at().map(|place| place.seq) < newest {
            assert!(story.hear(socket.next().await), "nobody is cut here");
        }
        story.drain(&mut socket, Duration::from_millis(100)).await;
        story.client.finished = true;
        stories.push(story.client);
    }
    (receipts, stories)
}

/// Publishes 20 events one by one over its own connection.
async fn publisher(relay: Arc<Relay>) -> Vec<Receipt> {
    let (http, app) = (Http::new(relay.address), App::new());
    let mut receipts = Vec::new();
    for n in 0..20 {
        receipts.push(app.publish(&http, &EventText::numbered("s", n)).await);
    }
    receipts
}

async fn client(relay: Arc<Relay>, index: usize, plan: Plan) -> (Recorder, Subscriber) {
    let token = relay.app.token(&format!("client {index}"), "s");
    let mut story = Recorder::new(format!("{index}: {plan:?}"), "s");
    for round in 1.. {
        let auth = json!({ "token": token, "cursor": story.cursor });
        let (mut poller, ready) = Poller::join_with(relay.address, &auth).await;
        story.ready(&ready);
        hear_all(&mut story, &mut poller);
        let mut waiting = None;
        for _ in 0..plan.polls {
            let mut poll = poller.begin_poll().await;
            match tokio::time::timeout(Duration::from_millis(100), &mut poll).await {
                Ok(answer) => hear(&mut story, &mut poller, &answer.unwrap()),
                Err(_) => {
                    // Nothing is published just now: it is still in flight at the upgrade.
                    waiting = Some(poll);
                    break;
                }
            }
        }
        if plan.in_flight && waiting.is_none() {
            waiting = Some(poller.begin_poll().await);
        }
        let mut socket = poller.probe().await;
        if let Some(waiting) = waiting {
            let answer = within("the poll", waiting).await.unwrap();
            hear(&mut story, &mut poller, &answer);
        }
        for _ in 0..plan.between {
            let answer = poller.poll().await;
            hear(&mut story, &mut poller, &answer);
        }
        tokio::time::sleep(Duration::from_millis(plan.pause)).await;
        socket.send("5").await;
        if round == plan.rounds {
            return (story, socket);
        }
        for _ in 0..plan.reads {
            match socket.next_in(Duration::from_millis(50)).await {
                Some(said) => assert!(story.hear(said), "nobody is cut here"),
                None => break,
            }
        }
    }
    unreachable!()
}

fn hear(story: &mut Recorder, poller: &mut Poller, answer: &Answer) {
    poller.take(answer);
    hear_all(story, poller);
}

fn hear_all(story: &mut Recorder, poller: &mut Poller) {
    while let Some(said) = poller.next_unread() {
        assert!(story.hear(said), "nobody is cut here");
    }
}

#[tokio::test]
async fn a_refused_upgrade_has_the_protocols_own_error() {
    let relay = Relay::start();
    let path = "/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAAAA";
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let answer = relay.http.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("\"code\":1"), "{answer}");
    let plain = relay.http.get(path).await;
    expect_error(&plain, 400, 3);
}
