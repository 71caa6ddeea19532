//! Publishing, joining, and what becomes of sessions that nobody uses or that hold too much.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use forge_relay_core::{ResyncReason, Rules};

use super::*;
use crate::session::testing::{Client, HEAD, Member, Sent, frame, until};
use crate::store::{MemoryStore, NonceLimits, StoreFuture};

const MINUTE: Duration = Duration::from_secs(60);
const LIMITS: HubLimits = HubLimits {
    log: LogLimits {
        events: 1000,
        age: Duration::from_secs(36_000),
        bytes: 1 << 20,
    },
    all_logs: 1 << 30,
    idle: Duration::from_secs(600),
    patience: Duration::from_secs(5),
};

/// The envelope as [`Client`] reads it: the payload is a string.
fn encode(envelope: &Envelope<'_>) -> Frame {
    let payload: String = serde_json::from_str(envelope.payload.as_str()).unwrap();
    frame(b'E', envelope.cursor, payload.as_bytes())
}

fn hub_of(apps: usize, limits: HubLimits) -> Hub {
    let nonces = NonceLimits {
        age: Duration::from_secs(600),
        bytes: 1 << 24,
    };
    Hub::new(limits, encode, Arc::new(Metrics::new()), |announce| {
        Arc::new(MemoryStore::new(apps, nonces, announce))
    })
}

fn hub(limits: HubLimits) -> Hub {
    hub_of(1, limits)
}

fn event(session: &str, nonce: &str, payload: &str) -> Event {
    let body = format!(
        r#"{{"sessionId":"{session}","event":"e","payload":"{payload}","nonce":"{nonce}",
            "timestamp":"2024-05-01T10:00:00Z"}}"#
    );
    Event::parse(body.as_bytes(), &Rules::default(), 1_714_557_600).unwrap()
}

fn key(session: &str) -> SessionKey {
    SessionKey {
        app: 0,
        id: SessionId::parse(session).unwrap(),
    }
}

/// Publishes one event whose payload is its nonce, padded to `bytes` as a frame.
async fn put(hub: &Hub, session: &str, nonce: &str, bytes: usize) -> Receipt {
    let payload = format!("{nonce:.<width$}", width = bytes.saturating_sub(HEAD));
    let published = hub.publish(0, vec![event(session, nonce, &payload)]).await;
    published.unwrap().remove(0)
}

async fn join(hub: &Hub, session: &str) -> Member {
    Client::join(hub, &key(session), None).await
}

fn bytes_of(hub: &Hub, session: &str) -> Option<usize> {
    hub.sessions
        .get(&key(session))
        .map(|session| session.bytes())
}

fn payloads(member: &Member) -> Vec<String> {
    let payload = |sent| match sent {
        Sent::Event(_, payload) => Some(payload),
        Sent::Resync(_) => None,
    };
    member.sent().into_iter().filter_map(payload).collect()
}

// ---- receipts ----

#[tokio::test]
async fn receipts_come_in_the_order_sent_and_number_each_session_by_itself() {
    let hub = hub(LIMITS);
    let (a, b) = (join(&hub, "a").await, join(&hub, "b").await);
    let batch = [("a", "1"), ("b", "2"), ("a", "3")];
    let batch = batch.map(|(session, nonce)| event(session, nonce, nonce));
    let receipts = hub.publish(0, batch.to_vec()).await.unwrap();
    let told: Vec<_> = receipts
        .iter()
        .map(|receipt| (receipt.session_id.as_str(), receipt.seq, receipt.duplicate))
        .collect();
    assert_eq!(told, [("a", 1, false), ("b", 1, false), ("a", 2, false)]);
    for receipt in &receipts {
        assert_eq!(receipt.cursor.seq, receipt.seq);
        assert_eq!(Uuid::parse_str(&receipt.id).unwrap().get_version_num(), 7);
    }
    assert_eq!(receipts[0].cursor.epoch, receipts[2].cursor.epoch);
    assert_ne!(receipts[0].cursor.epoch, receipts[1].cursor.epoch);
    let sent = |receipt: &Receipt, payload: &str| Sent::Event(receipt.cursor, payload.to_owned());
    assert_eq!(a.sent(), [sent(&receipts[0], "1"), sent(&receipts[2], "3")]);
    assert_eq!(b.sent(), [sent(&receipts[1], "2")]);
}

#[tokio::test]
async fn a_known_nonce_is_answered_as_the_first_time_and_delivered_once() {
    let hub = hub(LIMITS);
    let member = join(&hub, "a").await;
    let first = put(&hub, "a", "1", 0).await;
    let batch = vec![
        event("a", "2", "2"),
        event("a", "1", "1"),
        event("a", "2", "2"),
    ];
    let receipts = hub.publish(0, batch).await.unwrap();
    let again = Receipt {
        duplicate: true,
        ..first
    };
    assert_eq!(receipts[1], again);
    assert_eq!(receipts[2].cursor, receipts[0].cursor);
    assert!(receipts[2].duplicate && !receipts[0].duplicate);
    assert_eq!(payloads(&member), ["1", "2"]);
}

#[tokio::test]
async fn a_refused_batch_leaves_nothing_behind() {
    let hub = hub(LIMITS);
    let member = join(&hub, "a").await;
    put(&hub, "a", "1", 0).await;
    let batch = vec![
        event("a", "2", "2"),
        event("a", "1", "other"),
        event("b", "3", "3"),
    ];
    let refused = hub.publish(0, batch.clone()).await.unwrap_err();
    assert_eq!(refused, PublishError::NonceConflict { indexes: vec![1] });
    assert_eq!(bytes_of(&hub, "b"), None, "no session began");
    assert_eq!(
        put(&hub, "a", "2", 0).await.seq,
        2,
        "no number and no nonce was used"
    );
    assert_eq!(payloads(&member), ["1", "2"]);
}

#[tokio::test]
async fn nothing_crosses_apps() {
    let hub = hub_of(2, LIMITS);
    let elsewhere = SessionKey { app: 1, ..key("a") };
    let mine = join(&hub, "a").await;
    let theirs = Client::join(&hub, &elsewhere, None).await;
    let first = put(&hub, "a", "1", 0).await;
    let second = hub
        .publish(1, vec![event("a", "1", "another")])
        .await
        .unwrap();
    assert!(!second[0].duplicate, "a nonce is of its app");
    assert_ne!(first.cursor.epoch, second[0].cursor.epoch);
    assert_eq!(payloads(&mine), ["1"]);
    assert_eq!(payloads(&theirs), ["another"]);
    let astray = Client::join(&hub, &elsewhere, Some(first.cursor)).await;
    assert_eq!(astray.joined.resync, Some(ResyncReason::EpochChanged));
}

/// A store that cannot be reached.
struct Down;

impl Store for Down {
    fn open<'a>(&'a self, _: &'a SessionKey) -> StoreFuture<'a, Result<Cursor, Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable)))
    }

    fn append(
        &self,
        _: AppIndex,
        _: Vec<NewEvent>,
    ) -> StoreFuture<'_, Result<Vec<crate::store::Appended>, AppendError>> {
        Box::pin(std::future::ready(Err(AppendError::Unavailable {
            retry_after: 3,
        })))
    }

    fn forget(&self, _: &SessionKey, _: &mut dyn FnMut() -> bool) {}

    fn nonce_bytes(&self) -> usize {
        0
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_told_to_publishers_and_readers() {
    let hub = Hub::new(LIMITS, encode, Arc::new(Metrics::new()), |_| Arc::new(Down));
    let refused = hub.publish(0, vec![event("a", "1", "1")]).await;
    assert_eq!(refused, Err(PublishError::Unavailable { retry_after: 3 }));
    let reader: Arc<dyn Reader> = Arc::new(Client::default());
    assert!(hub.join(&key("a"), &reader, None).await.is_err());
}

// ---- publishers that wait, and those that go away ----

/// A hub with a session so large that its pump is a task, which runs when the test yields.
async fn with_a_slow_pump() -> (Hub, Vec<Member>) {
    let log = LogLimits {
        events: 10,
        ..LIMITS.log
    };
    let hub = hub(HubLimits { log, ..LIMITS });
    let mut members = Vec::new();
    for _ in 0..300 {
        members.push(join(&hub, "a").await);
    }
    (hub, members)
}

#[tokio::test]
async fn publishers_wait_for_the_pump_so_that_no_reader_loses_its_place() {
    let (hub, members) = with_a_slow_pump().await;
    for n in 1..=50 {
        put(&hub, "a", &n.to_string(), 0).await;
    }
    until(|| members.iter().all(|member| member.seqs().len() >= 50)).await;
    for member in &members {
        assert_eq!(
            (member.seqs(), member.reasons()),
            ((1..=50).collect(), vec![])
        );
    }
}

#[tokio::test]
async fn a_publisher_that_goes_away_while_it_waits_leaves_nothing_half_done() {
    let (hub, members) = with_a_slow_pump().await;
    for n in 1..=5 {
        put(&hub, "a", &n.to_string(), 0).await;
    }
    let mut waiting = Box::pin(hub.publish(0, vec![event("a", "6", "gone"), event("b", "7", "7")]));
    let polled = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    drop(waiting);
    drop(hub.publish(0, vec![event("a", "8", "never polled")]));
    assert_eq!(bytes_of(&hub, "b"), None);
    let next = put(&hub, "a", "6", 0).await;
    assert_eq!(
        (next.seq, next.duplicate),
        (6, false),
        "neither its number nor its nonce is used"
    );
    until(|| members.iter().all(|member| member.seqs().len() >= 6)).await;
}

#[tokio::test]
async fn a_publisher_whose_patience_ends_is_told_to_retry_and_nothing_is_published() {
    let log = LogLimits {
        events: 2,
        ..LIMITS.log
    };
    let patience = Duration::from_millis(20);
    let hub = hub(HubLimits {
        log,
        patience,
        ..LIMITS
    });
    let member = join(&hub, "a").await;
    // As if the pump's task never got its turn.
    let head = member.joined.cursor;
    let stuck = Cursor {
        seq: head.seq + 1,
        ..head
    };
    member
        .session
        .append(stuck, frame(b'E', stuck, b""), Instant::now());
    let refused = hub.publish(0, vec![event("a", "1", "1")]).await;
    assert_eq!(refused, Err(PublishError::Unavailable { retry_after: 1 }));
    assert_eq!(member.session.head(), stuck.seq);
}

// ---- sessions that nobody uses ----

#[tokio::test]
async fn a_session_that_nobody_uses_is_dropped_after_its_time_and_then_lives_anew() {
    let hub = hub(LIMITS);
    let receipt = put(&hub, "a", "1", 0).await;
    hub.sessions.budget.skip(LIMITS.idle);
    hub.sweep();
    assert!(bytes_of(&hub, "a").is_some(), "not before its time");
    hub.sessions.budget.skip(Duration::from_millis(1));
    hub.sweep();
    assert_eq!((bytes_of(&hub, "a"), hub.bytes()), (None, 0));
    assert_eq!(hub.sessions.metrics.sessions.get(), 0);
    let back = Client::join(&hub, &key("a"), Some(receipt.cursor)).await;
    assert_eq!(back.joined.resync, Some(ResyncReason::EpochChanged));
    assert_eq!(back.joined.cursor.seq, 0);
    let next = put(&hub, "a", "2", 0).await;
    assert_eq!((next.seq, next.cursor.epoch), (1, back.joined.cursor.epoch));
    assert_eq!(payloads(&back), ["2"]);
}

#[tokio::test]
async fn publishing_joining_and_leaving_are_use() {
    let hub = hub(LIMITS);
    let most = LIMITS.idle - MINUTE;
    put(&hub, "a", "1", 0).await;
    hub.sessions.budget.skip(most);
    put(&hub, "a", "2", 0).await;
    hub.sessions.budget.skip(most);
    let member = join(&hub, "a").await;
    hub.sessions.budget.skip(10 * LIMITS.idle);
    member.leave();
    hub.sessions.budget.skip(most);
    hub.sweep();
    assert!(bytes_of(&hub, "a").is_some());
    hub.sessions.budget.skip(2 * MINUTE);
    hub.sweep();
    assert_eq!(bytes_of(&hub, "a"), None);
}

#[tokio::test]
async fn a_session_with_readers_is_never_dropped() {
    let hub = hub(LIMITS);
    let member = join(&hub, "a").await;
    hub.sessions.budget.skip(100 * LIMITS.idle);
    hub.sweep();
    put(&hub, "a", "1", 0).await;
    assert_eq!(payloads(&member), ["1"]);
}

#[tokio::test]
async fn a_session_used_since_it_was_found_idle_is_not_dropped() {
    let hub = hub(LIMITS);
    put(&hub, "a", "1", 0).await;
    hub.sessions.budget.skip(2 * LIMITS.idle);
    let found = hub.sessions.get(&key("a")).unwrap();
    assert!(found.idle() > LIMITS.idle);
    let receipt = put(&hub, "a", "2", 0).await;
    assert!(!hub.drop_session(&found, LIMITS.idle));
    let back = Client::join(&hub, &key("a"), Some(receipt.cursor)).await;
    assert!(back.joined.recovered);
}

#[tokio::test]
async fn a_session_dropped_already_does_not_take_the_next_of_its_name_with_it() {
    let hub = hub(LIMITS);
    put(&hub, "a", "1", 0).await;
    let old = hub.sessions.get(&key("a")).unwrap();
    hub.sessions.budget.skip(2 * LIMITS.idle);
    hub.sweep();
    let member = join(&hub, "a").await;
    assert!(!hub.drop_session(&old, LIMITS.idle));
    put(&hub, "a", "2", 0).await;
    assert_eq!(payloads(&member), ["2"]);
    assert_eq!(hub.sessions.metrics.sessions.get(), 1);
}

#[tokio::test]
async fn who_finds_a_session_that_is_just_ending_joins_the_next_one() {
    let hub = hub(LIMITS);
    put(&hub, "a", "1", 0).await;
    let ending = hub.sessions.get(&key("a")).unwrap();
    assert!(ending.end_if_empty());
    let member = std::thread::scope(|scope| {
        let joining = scope.spawn(|| block_on(join(&hub, "a")));
        std::thread::sleep(Duration::from_millis(5));
        hub.sessions.shard(ending.key()).lock().remove(ending.key());
        joining.join().unwrap()
    });
    assert!(!Arc::ptr_eq(&member.session, &ending));
    put(&hub, "a", "2", 0).await;
    assert_eq!(payloads(&member), ["2"]);
}

/// Runs `act` on this many threads until all have ended.
fn on_threads(count: usize, act: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..count)
            .map(|index| {
                scope.spawn({
                    let act = &act;
                    move || act(index)
                })
            })
            .collect();
        handles
            .into_iter()
            .for_each(|handle| handle.join().unwrap());
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

#[test]
fn no_reader_goes_deaf_while_idle_sessions_are_dropped_around_it() {
    let hub = hub(HubLimits {
        idle: Duration::ZERO,
        ..LIMITS
    });
    let over = AtomicBool::new(false);
    on_threads(4, |index| {
        if index < 2 {
            while !over.load(Ordering::SeqCst) {
                hub.sessions.budget.skip(Duration::from_millis(1));
                hub.sweep();
            }
            return;
        }
        for n in 0..400 {
            let member = block_on(join(&hub, "a"));
            let nonce = format!("{index}.{n}");
            block_on(put(&hub, "a", &nonce, 0));
            let deadline = Instant::now() + Duration::from_secs(10);
            while !payloads(&member).contains(&nonce) {
                assert!(Instant::now() < deadline, "deaf: its own event never came");
                std::thread::yield_now(); // another publisher is the pump
            }
            assert_eq!(member.reasons(), []);
            member.leave();
        }
        if index == 2 {
            over.store(true, Ordering::SeqCst);
        }
    });
    let held = hub.sessions.all().len();
    assert_eq!(
        hub.sessions.metrics.sessions.get(),
        i64::try_from(held).unwrap()
    );
}

#[test]
fn all_clients_agree_on_one_order_with_the_receipts() {
    let hub = hub(LIMITS);
    let sessions = ["a", "b"];
    let before: Vec<Member> = sessions
        .iter()
        .flat_map(|session| [0; 3].map(|_| block_on(join(&hub, session))))
        .collect();
    let receipts = Mutex::new(Vec::new());
    on_threads(5, |index| {
        if index == 0 {
            for n in 0..200 {
                let member = &before[n % before.len()];
                member.stall(n % 3 == 0);
                member.drive();
                std::thread::yield_now();
            }
            return;
        }
        for n in 0..60 {
            let session = sessions[n % 2];
            let event = |part: usize| {
                let nonce = format!("{index}.{n}.{part}");
                event(session, &nonce, &nonce)
            };
            let batch: Vec<Event> = (0..=n % 3).map(event).collect();
            let names: Vec<String> = batch
                .iter()
                .map(|event| event.nonce.as_str().to_owned())
                .collect();
            let answered = block_on(hub.publish(0, batch)).unwrap();
            receipts.lock().extend(names.into_iter().zip(answered));
        }
    });
    for (index, member) in before.iter().enumerate() {
        member.stall(false);
        member.drive();
        let session = sessions[index / 3];
        let sent = member.sent();
        assert_eq!(member.reasons(), []);
        let mut expected: Vec<_> = receipts
            .lock()
            .iter()
            .filter(|(_, receipt)| receipt.session_id.as_str() == session)
            .map(|(name, receipt)| Sent::Event(receipt.cursor, name.clone()))
            .collect();
        expected.sort_by_key(|sent| match sent {
            Sent::Event(cursor, _) | Sent::Resync(cursor) => cursor.seq,
        });
        assert_eq!(sent, expected);
    }
    let ids: HashSet<_> = receipts
        .lock()
        .iter()
        .map(|(_, receipt)| receipt.id.clone())
        .collect();
    assert_eq!(ids.len(), receipts.lock().len());
}

// ---- all logs together ----

const ROOM: usize = 16_000;

fn small_hub() -> Hub {
    hub(HubLimits {
        all_logs: ROOM,
        ..LIMITS
    })
}

#[tokio::test]
async fn idle_sessions_go_first_the_longest_idle_before_the_others() {
    let hub = small_hub();
    for session in ["oldest", "older", "busy"] {
        for n in 0..5 {
            put(&hub, session, &format!("{session}{n}"), 1000).await;
        }
        hub.sessions.budget.skip(EVICTABLE_IDLE);
    }
    put(&hub, "busy", "last", 1000).await;
    assert_eq!(hub.bytes(), ROOM);
    let reader = join(&hub, "busy").await;
    put(&hub, "busy", "one-more", 1000).await;
    assert_eq!(bytes_of(&hub, "oldest"), None);
    assert_eq!(bytes_of(&hub, "older"), Some(5000), "no more than needed");
    assert_eq!(bytes_of(&hub, "busy"), Some(7000));
    assert_eq!((reader.seqs(), reader.reasons()), (vec![7], vec![]));
}

#[tokio::test]
async fn an_idle_session_with_readers_stays() {
    let hub = small_hub();
    let reader = join(&hub, "read").await;
    for n in 0..5 {
        put(&hub, "read", &format!("r{n}"), 1000).await;
    }
    hub.sessions.budget.skip(2 * LIMITS.idle);
    for n in 0..40 {
        put(&hub, "busy", &format!("b{n}"), 1000).await;
        assert!(hub.bytes() <= ROOM, "in bounds after every publish");
    }
    assert!(bytes_of(&hub, "read").is_some());
    put(&hub, "read", "r5", 1000).await;
    assert_eq!(reader.seqs(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn then_the_largest_logs_lose_their_oldest_events() {
    let hub = small_hub();
    for n in 0..3 {
        put(&hub, "small", &format!("s{n}"), 1000).await;
    }
    let mut last = None;
    for n in 0..100 {
        last = Some(put(&hub, "large", &format!("l{n}"), 1000).await);
        assert!(hub.bytes() <= ROOM);
    }
    assert_eq!(bytes_of(&hub, "small"), Some(3000));
    let newest = last.unwrap().cursor;
    let before = Cursor {
        seq: newest.seq - 5,
        ..newest
    };
    let back = Client::join(&hub, &key("large"), Some(before)).await;
    assert_eq!((back.joined.recovered, back.joined.replayed), (true, 5));
    let late = Client::join(&hub, &key("large"), Some(Cursor { seq: 1, ..newest })).await;
    assert_eq!(late.joined.resync, Some(ResyncReason::Trimmed));
    assert_eq!(late.joined.cursor, newest);
}

#[tokio::test]
async fn readers_that_lose_their_place_to_others_are_told_and_the_rest_is_not() {
    let hub = small_hub();
    let (healthy, stalled) = (join(&hub, "large").await, join(&hub, "large").await);
    stalled.stall(true);
    for n in 0..14 {
        put(&hub, "large", &format!("l{n}"), 1000).await;
    }
    for n in 0..6 {
        put(&hub, "other", &format!("o{n}"), 1000).await;
    }
    assert!(bytes_of(&hub, "large").unwrap() < 14_000);
    stalled.stall(false);
    stalled.drive();
    put(&hub, "large", "last", 1000).await;
    assert_eq!(
        (healthy.seqs(), healthy.reasons()),
        ((1..=15).collect(), vec![])
    );
    assert_eq!(
        (stalled.seqs(), stalled.reasons()),
        (vec![15], vec![ResyncReason::FellBehind])
    );
}
