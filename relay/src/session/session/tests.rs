//! One session: its seats, its log, and who is told what.

#![allow(clippy::unwrap_used, clippy::panic)]

use forge_relay_core::Epoch;

use super::*;
use crate::session::testing::{
    Client, HEAD, WIDE, append, at, frame, publish, session, session_with, sit_many,
};

// ---- seats ----

#[test]
fn a_reader_begins_at_the_head_or_where_its_cursor_says() {
    let session = session();
    publish(&session, 1..=3);
    let without = Client::sit(&session, None);
    let with = Client::sit(&session, Some(at(1)));
    publish(&session, 4..=4);
    assert_eq!(
        (without.joined.recovered, without.joined.replayed),
        (false, 0)
    );
    assert_eq!((with.joined.recovered, with.joined.replayed), (true, 2));
    assert_eq!(without.seqs(), [4]);
    assert_eq!(with.seqs(), [2, 3, 4]);
}

#[test]
fn a_cursor_that_leads_nowhere_starts_at_the_head_with_a_reason() {
    let session = session_with(LogLimits { events: 2, ..WIDE });
    publish(&session, 1..=5);
    let join = |cursor| {
        let client: Arc<dyn Reader> = Arc::new(Client::default());
        session.join(client, Some(cursor)).unwrap()
    };
    let another_life = Cursor {
        epoch: Epoch(8),
        seq: 4,
    };
    for (cursor, reason) in [
        (Ok(at(2)), ResyncReason::Trimmed),
        (Ok(at(6)), ResyncReason::UnknownCursor),
        (Err(()), ResyncReason::UnknownCursor),
        (Ok(another_life), ResyncReason::EpochChanged),
    ] {
        let joined = join(cursor);
        assert_eq!(joined.resync, Some(reason));
        assert_eq!(
            (joined.cursor, joined.recovered, joined.replayed),
            (at(5), false, 0)
        );
    }
}

#[test]
fn a_free_seat_is_taken_again_and_the_last_to_leave_frees_them_all() {
    let session = session();
    let members = sit_many(&session, 3);
    members[1].leave();
    assert_eq!(session.readers(), 2);
    let late = Client::sit(&session, None);
    assert_eq!(late.joined.seat, members[1].joined.seat);
    assert_eq!(session.members.read().seats.len(), 3);
    for member in [&members[0], &late, &members[2]] {
        member.leave();
    }
    assert_eq!(session.readers(), 0);
    assert_eq!(session.members.read().seats.capacity(), 0);
    // Twice, or from a seat that nobody has: nothing happens.
    late.leave();
    assert_eq!(session.readers(), 0);
}

#[test]
fn who_has_left_is_kept_by_nobody_and_offered_nothing() {
    let session = session();
    let (stays, goes) = (Client::sit(&session, None), Client::sit(&session, None));
    goes.leave();
    assert_eq!(Arc::strong_count(&goes.client), 1);
    publish(&session, 1..=1);
    assert_eq!((goes.offers(), goes.seqs()), (0, vec![]));
    assert_eq!(stays.seqs(), [1]);
}

#[test]
fn an_ended_session_takes_no_one_and_one_with_readers_does_not_end() {
    let session = session();
    let member = Client::sit(&session, None);
    publish(&session, 1..=1);
    assert!(!session.end_if_empty());
    publish(&session, 2..=2);
    assert_eq!(member.seqs(), [1, 2]);
    member.leave();
    assert!(session.end_if_empty());
    assert_eq!((session.bytes(), session.budget.used()), (0, 0));
    let late: Arc<dyn Reader> = Arc::new(Client::default());
    assert_eq!(session.join(late, None).unwrap_err(), Ended);
}

// ---- the log ----

#[test]
fn the_budget_counts_what_the_log_holds_whatever_happens_to_it() {
    let session = session_with(LogLimits { events: 4, ..WIDE });
    let one = HEAD + 5;
    let counts = |events: usize| {
        assert_eq!(session.bytes(), events * one);
        assert_eq!(session.budget.used(), events * one);
    };
    append(&session, 1..=6);
    counts(4);
    assert_eq!(
        session.shed(one + 1),
        2 * one,
        "whole events, at least so many bytes"
    );
    counts(2);
    append(&session, 9..=9); // 7 and 8 never came here
    counts(1);
    session.trim(Instant::now() + Duration::from_secs(601));
    counts(0);
    assert_eq!(session.shed(1), 0);
}

#[test]
fn a_gap_in_what_is_appended_is_told_and_never_skipped() {
    let session = session();
    let member = Client::sit(&session, None);
    publish(&session, 1..=2);
    publish(&session, 4..=4);
    member.drive();
    publish(&session, 5..=5);
    assert_eq!(member.reasons(), [ResyncReason::FellBehind]);
    assert_eq!(member.seqs(), [1, 2, 5]);
}

#[test]
fn another_life_of_the_log_is_told() {
    let session = session();
    let member = Client::sit(&session, None);
    publish(&session, 1..=2);
    let first = Cursor {
        epoch: Epoch(8),
        seq: 1,
    };
    session.append(first, frame(b'E', first, b""), Instant::now());
    session.pump();
    member.drive();
    assert_eq!(member.reasons(), [ResyncReason::EpochChanged]);
    assert_eq!(member.seqs(), [1, 2]);
    let second = Cursor { seq: 2, ..first };
    session.append(second, frame(b'E', second, b""), Instant::now());
    session.pump();
    assert_eq!(member.seqs(), [1, 2, 2]);
}

#[test]
fn readers_at_the_head_are_told_when_the_log_lost_what_the_pump_had_not_offered() {
    let session = session();
    let members = sit_many(&session, 2);
    publish(&session, 1..=1);
    append(&session, 2..=4);
    session.shed(usize::MAX);
    session.pump();
    for member in &members {
        member.drive();
        assert_eq!(member.reasons(), [ResyncReason::FellBehind]);
    }
    publish(&session, 5..=5);
    for member in &members {
        assert_eq!(member.seqs(), [1, 5]);
    }
}

#[test]
fn what_all_have_can_be_lost_without_a_word() {
    let session = session();
    let member = Client::sit(&session, None);
    publish(&session, 1..=3);
    session.shed(usize::MAX);
    session.pump();
    publish(&session, 4..=4);
    assert_eq!(
        (member.seqs(), member.reasons()),
        (vec![1, 2, 3, 4], vec![])
    );
}
