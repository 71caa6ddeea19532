//! The pump in its forms: by a publisher, by a task, by several.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::*;
use crate::session::log::LogLimits;
use crate::session::session::Reader;
use crate::session::testing::{
    Client, HEAD, WIDE, append, at, publish, session, session_with, sit_many, until,
};

#[test]
fn a_small_session_is_pumped_by_its_publisher_in_one_pass() {
    let session = session();
    let members = sit_many(&session, INLINE_READERS);
    publish(&session, 1..=20);
    for member in &members {
        assert_eq!(member.seqs(), (1..=20).collect::<Vec<_>>());
        assert_eq!(member.offers(), 1, "what was waiting is one batch");
    }
}

#[test]
fn one_that_stalls_catches_up_by_itself_and_holds_up_nobody() {
    let session = session();
    let members = sit_many(&session, 2);
    members[0].stall(true);
    publish(&session, 1..=3);
    publish(&session, 4..=4);
    assert_eq!(
        (members[0].seqs(), members[1].seqs()),
        (vec![], vec![1, 2, 3, 4])
    );
    members[0].stall(false);
    members[0].drive();
    publish(&session, 5..=5);
    assert_eq!(members[0].seqs(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_large_session_is_pumped_by_a_task_and_everyone_has_everything_in_order() {
    let session = session();
    let members = sit_many(&session, 2 * OFFERS_A_TURN + INLINE_READERS);
    members[5].stall(true);
    for seq in 1..=50 {
        publish(&session, seq..=seq);
        if seq == 1 {
            assert_eq!(
                members[0].offers(),
                0,
                "its publisher offers nothing itself"
            );
        }
        if seq % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let late = Client::sit(&session, Some(at(20)));
    members[9].leave();
    let seen_by_the_one_who_left = members[9].seqs();
    until_idle(&session).await;
    members[5].stall(false);
    members[5].drive();
    for (index, member) in members.iter().enumerate() {
        let expected = if index == 9 {
            seen_by_the_one_who_left.clone()
        } else {
            (1..=50).collect()
        };
        assert_eq!(
            (member.seqs(), member.reasons()),
            (expected, vec![]),
            "reader {index}"
        );
    }
    assert_eq!(late.seqs(), (21..=50).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_cores_share_the_passes_of_a_very_large_session_and_it_shows_nowhere() {
    let session = session();
    let members = sit_many(&session, SHARED_READERS + OFFERS_A_TURN / 2);
    members[5].stall(true);
    for seq in 1..=30 {
        publish(&session, seq..=seq);
        if seq % 5 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let late = Client::sit(&session, Some(at(20)));
    publish(&session, 31..=31);
    until_idle(&session).await;
    members[5].stall(false);
    members[5].drive();
    for (index, member) in members.iter().enumerate() {
        let expected = ((1..=31).collect::<Vec<_>>(), vec![]);
        assert_eq!(
            (member.seqs(), member.reasons()),
            expected,
            "reader {index}"
        );
        assert!(member.offers() <= 31, "each batch once");
    }
    assert_eq!(late.seqs(), (21..=31).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn after_a_helper_died_the_next_event_brings_what_its_readers_missed() {
    for dies in [0, 300, 700, 1000] {
        let session = session();
        let mut members = sit_many(&session, dies);
        session
            .join(Arc::new(Panics(AtomicBool::new(true))), None)
            .unwrap();
        members.extend(sit_many(&session, SHARED_READERS - dies));
        publish(&session, 1..=1);
        until_idle(&session).await;
        publish(&session, 2..=2);
        until_idle(&session).await;
        for member in &members {
            member.drive();
            assert_eq!((member.seqs(), member.reasons()), (vec![1, 2], vec![]));
        }
    }
}

async fn until_idle(session: &Session) {
    until(|| session.pending.load(Ordering::SeqCst) == 0).await;
}

/// That the pump then goes on is for the model to show; no test can be that quick.
#[test]
fn a_turn_does_not_end_over_a_call_that_came_meanwhile() {
    let session = session();
    let member = Client::sit(&session, None);
    session.pending.fetch_add(1, Ordering::SeqCst);
    let mut turn = Turn::of(&*session);
    let seen = session.pending.load(Ordering::SeqCst);
    publish(&session, 1..=1);
    assert_eq!(member.offers(), 0, "there is a pump already");
    assert!(!turn.end(seen));
    let seen = session.pending.load(Ordering::SeqCst);
    assert_eq!(seen, 2);
    assert!(turn.end(seen));
    drop(turn);
    publish(&session, 2..=2);
    assert_eq!(member.seqs(), [1, 2]);
}

#[tokio::test]
async fn who_takes_a_seat_in_the_middle_of_a_pass_misses_nothing() {
    let session = session();
    let members = sit_many(&session, 3 * OFFERS_A_TURN);
    publish(&session, 1..=1);
    tokio::task::yield_now().await; // the pass is somewhere between the seats
    assert_eq!(
        (members[0].offers(), members.last().unwrap().offers()),
        (1, 0)
    );
    members[3].leave();
    members.last().unwrap().leave();
    let in_front = Client::sit(&session, Some(at(0)));
    let at_the_end = Client::sit(&session, None);
    publish(&session, 2..=2);
    until_idle(&session).await;
    assert_eq!(in_front.seqs(), [1, 2]);
    assert_eq!(at_the_end.seqs(), [2]);
    assert_eq!(members[members.len() - 2].seqs(), [1, 2]);
}

/// A reader that publishes more from inside an offer, as one on another thread would.
struct Echo {
    session: std::sync::Weak<Session>,
    left: AtomicUsize,
}

impl Reader for Echo {
    fn offer(&self, batch: &Batch<'_>) {
        let left = self.left.load(Ordering::SeqCst);
        let session = self.session.upgrade().unwrap();
        if left > 0 && !batch.frames.is_empty() {
            self.left.store(left - 1, Ordering::SeqCst);
            let next = session.head() + 1;
            publish(&session, next..=next);
        }
    }
}

#[tokio::test]
async fn what_is_published_during_a_pass_is_offered_too() {
    for echoes in [1, INLINE_PASSES, 3 * INLINE_PASSES] {
        let session = session();
        let echo = Echo {
            session: Arc::downgrade(&session),
            left: AtomicUsize::new(echoes),
        };
        session.join(Arc::new(echo), None).unwrap();
        let member = Client::sit(&session, None);
        publish(&session, 1..=1);
        until_idle(&session).await;
        let expected: Vec<_> = (1..=echoes as u64 + 1).collect();
        assert_eq!(member.seqs(), expected);
    }
}

struct Panics(AtomicBool);

impl Reader for Panics {
    fn offer(&self, _: &Batch<'_>) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "on purpose");
    }
}

#[test]
fn a_pump_that_dies_half_way_leaves_the_session_able_to_hear() {
    let session = session();
    session
        .join(Arc::new(Panics(AtomicBool::new(true))), None)
        .unwrap();
    let member = Client::sit(&session, None);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| publish(&session, 1..=1)));
    assert!(died.is_err());
    publish(&session, 2..=2);
    assert_eq!(member.seqs(), [1, 2]);
}

#[test]
fn a_pumps_task_that_is_dropped_with_its_runtime_leaves_the_session_able_to_hear() {
    for turns in [0, 1] {
        let session = session();
        let members = sit_many(&session, 2 * OFFERS_A_TURN + 1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            publish(&session, 1..=1);
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(members[0].offers(), turns);
        for member in &members[1..] {
            member.leave();
        }
        publish(&session, 2..=2);
        assert_eq!(members[0].seqs(), [1, 2]);
    }
}

// ---- publishers wait for the pump ----

/// What the pump cannot do in these tests unless it is asked to.
const SOON: Duration = Duration::from_millis(20);
const PATIENT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_publisher_waits_while_the_pump_is_far_behind_and_no_longer_than_its_patience() {
    let session = session_with(LogLimits { events: 10, ..WIDE });
    append(&session, 1..=4);
    assert!(
        session.wait_for_pump(1, 0, Duration::ZERO).await,
        "4 and 1 are not far"
    );
    append(&session, 5..=5);
    let began = Instant::now();
    assert!(!session.wait_for_pump(1, 0, SOON).await);
    assert!(began.elapsed() >= SOON);
    let (waited, ()) = tokio::join!(session.wait_for_pump(1, 0, PATIENT), async {
        tokio::task::yield_now().await;
        session.pump();
    });
    assert!(waited);
    assert!(began.elapsed() < PATIENT, "the pump tells those who wait");
}

#[tokio::test]
async fn the_bytes_that_wait_count_too() {
    let bytes = 10 * (HEAD + 5);
    let session = session_with(LogLimits { bytes, ..WIDE });
    append(&session, 1..=4);
    assert!(session.wait_for_pump(1, HEAD + 5, SOON).await);
    assert!(!session.wait_for_pump(1, HEAD + 6, SOON).await);
    session.pump();
    assert!(
        session.wait_for_pump(1, 10 * bytes, SOON).await,
        "nothing is outstanding"
    );
}

#[test]
fn what_the_log_lost_before_the_pump_came_is_not_waited_for() {
    let bytes = 10 * (HEAD + 5);
    let session = session_with(LogLimits {
        events: 10,
        bytes,
        ..WIDE
    });
    append(&session, 1..=100);
    session.pump();
    assert!(session.keeps_up(5, bytes));
    append(&session, 101..=102);
    assert!(session.keeps_up(1, HEAD));
}
