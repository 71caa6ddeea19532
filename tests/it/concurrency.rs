//! Many publishers, clients that come, go, stall and resume: all agree on one order, without gaps or repeats.

use std::sync::Arc;
use std::time::Duration;

use forge_relay_tests::history::{Client, Published, violations};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::app::Receipt;
use crate::harness::recorder::published;
use crate::harness::{App, EventText, Http, Recorder, Relay, Said, Subscriber};

/// What a client does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Reads so many things.
    Read(usize),
    /// Stops reading for so many milliseconds.
    Stall(u64),
    /// Leaves, and comes back with its cursor after so many milliseconds.
    Resume(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_usize..80).prop_map(Act::Read),
        1 => (1_u64..60).prop_map(Act::Stall),
        2 => (0_u64..60).prop_map(Act::Resume),
    ]
}

#[test]
fn fifty_publishers_and_restless_clients_agree_on_one_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let plans = prop::collection::vec(prop::collection::vec(act(), 3..12), 4..10);
    let small_log = any::<bool>();
    let mut runner = TestRunner::new(Config {
        cases: 6,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(plans, small_log), |(plans, small_log)| {
            let (receipts, clients) = runtime.block_on(run(plans, small_log));
            prop_assert_eq!(violations(&receipts, &clients), []);
            Ok(())
        })
        .unwrap();
}

async fn run(plans: Vec<Vec<Act>>, small_log: bool) -> (Vec<Published>, Vec<Client>) {
    // With the small log clients are trimmed away all the time, and must be told each time.
    let relay = Arc::new(Relay::with(if small_log {
        "limits.log_events = 50"
    } else {
        ""
    }));
    let publishers: Vec<_> = (0..50)
        .map(|_| tokio::spawn(publisher(Arc::clone(&relay))))
        .collect();
    let clients: Vec<_> = plans
        .into_iter()
        .enumerate()
        .map(|(index, plan)| {
            tokio::spawn(client(Arc::clone(&relay), format!("client {index}"), plan))
        })
        .collect();
    let mut receipts = Vec::new();
    for publisher in publishers {
        receipts.extend(publisher.await.unwrap().iter().map(published));
    }
    let mut stories = Vec::new();
    for client in clients {
        let (mut story, mut subscriber) = client.await.unwrap();
        story
            .drain(&mut subscriber, Duration::from_millis(400))
            .await;
        story.client.finished = true;
        stories.push(story.client);
    }
    (receipts, stories)
}

/// Publishes 10 events one by one over its own connection.
async fn publisher(relay: Arc<Relay>) -> Vec<Receipt> {
    let (http, app) = (Http::new(relay.address), App::new());
    let mut receipts = Vec::new();
    for n in 0..10 {
        receipts.push(app.publish(&http, &EventText::numbered("s", n)).await);
    }
    receipts
}

async fn client(relay: Arc<Relay>, name: String, plan: Vec<Act>) -> (Recorder, Subscriber) {
    let token = relay.app.token(&name, "s");
    let mut story = Recorder::new(name, "s");
    let (mut subscriber, ready) = Subscriber::join(relay.address, &token).await;
    story.ready(&ready);
    for act in plan {
        match act {
            Act::Read(count) => {
                for _ in 0..count {
                    match subscriber.next_in(Duration::from_millis(100)).await {
                        Some(said) => assert!(story.hear(said), "nobody is cut here"),
                        None => break,
                    }
                }
            }
            Act::Stall(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Act::Resume(ms) => {
                drop(subscriber);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                let cursor = story.cursor.clone().unwrap();
                let (back, ready) = Subscriber::resume(relay.address, &token, &cursor).await;
                story.ready(&ready);
                subscriber = back;
            }
        }
    }
    (story, subscriber)
}

#[tokio::test]
async fn a_publisher_that_hangs_up_changes_nothing_for_the_others() {
    let relay = Relay::start();
    let (mut client, ready) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let mut story = Recorder::new("alice", "s");
    story.ready(&ready);
    let mut receipts = Vec::new();
    for n in 0..100 {
        let body = EventText::numbered("s", n).to_string();
        let request = format!(
            "POST /events HTTP/1.1\r\nhost: relay\r\ncontent-type: application/json\r\nauthorization: Bearer {}\r\n\
             content-length: {}\r\n\r\n{body}",
            relay.app.secret,
            body.len(),
        );
        let mut rude = TcpStream::connect(relay.address).await.unwrap();
        rude.write_all(&request.as_bytes()[..request.len() - n as usize % 3])
            .await
            .unwrap();
        drop(rude);
        receipts.push(published(
            &relay.publish(&EventText::numbered("s", 1_000 + n)).await,
        ));
    }
    // Until the last polite one, and then until nothing more comes.
    while story.at() != receipts.last().map(|receipt| receipt.place.clone()) {
        let said = client.next().await;
        assert!(!matches!(said, Said::Closed { .. }));
        story.hear(said);
    }
    story.drain(&mut client, Duration::from_millis(200)).await;
    story.client.finished = true;
    assert_eq!(violations(&receipts, &[story.client]), []);
    // The session is not deaf.
    relay.publish_range("s", 7, 7).await;
    client.expect_numbers(7, 7).await;
}
