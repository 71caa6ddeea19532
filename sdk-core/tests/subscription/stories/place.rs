//! Where the app stands, and what it gets to see.

use super::*;
use forge_relay_core::subscription::State;

#[test]
fn the_first_connection_starts_at_the_head() {
    let mut client = Client::new(Options::default(), 42);
    let actions = client.tell(Input::Start).actions;
    assert_eq!(client.state(), State::Connecting);
    client.now = 80;
    let (id, cursor) = client.give_token(&actions, "first");
    assert_eq!((client.open[&id], cursor), (Transport::Websocket, None));
    client.tell(Input::Opened(id, Some(45_000)));
    client.ready(id, 3);
    assert_eq!(client.state(), State::Live);
    assert_eq!(client.event(id, 4), Verdict::Deliver);
    assert_eq!(client.event(id, 4), Verdict::Skip);
    assert_eq!(client.event(id, 5), Verdict::Deliver);
    assert!(client.resyncs.is_empty());
}

#[test]
fn a_connection_that_is_lost_is_resumed_and_catches_up() {
    let (mut client, id) = live(Options::default());
    client.event(id, 4);
    client.wait(5_000);
    client.tell(Input::Heard(id));
    client.lose(id);
    assert_eq!(
        (client.state(), client.reason()),
        (State::Offline, "connection_lost")
    );
    let id = client.reopen();
    client.resume(id, 2);
    assert_eq!(client.state(), State::CatchingUp);
    assert_eq!(client.event(id, 5), Verdict::Deliver);
    assert_eq!(client.state(), State::CatchingUp);
    assert_eq!(client.event(id, 6), Verdict::Deliver);
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_cursor_from_another_visit_is_where_it_goes_on() {
    let options = Options {
        cursor: Some(at(9)),
        ..Options::default()
    };
    let (mut client, id) = connecting(options);
    client.resume(id, 1);
    assert_eq!(client.event(id, 10), Verdict::Deliver);
}

#[test]
fn what_is_gone_is_told_by_a_resync_at_ready() {
    let (mut client, id) = live(Options::default());
    client.lose(id);
    let id = client.reopen();
    client.ready(id, 90);
    assert_eq!(client.state(), State::CatchingUp);
    assert!(client.resyncs.is_empty());
    client.tell(Input::Resync(id, ResyncReason::Trimmed, text(90)));
    assert_eq!(client.state(), State::Live);
    assert_eq!(client.resyncs, [(ResyncReason::Trimmed, at(90))]);
    assert_eq!(client.event(id, 91), Verdict::Deliver);
}

#[test]
fn a_resync_may_come_at_any_time() {
    let (mut client, id) = live(Options::default());
    client.resync(id, 50);
    assert_eq!(client.event(id, 51), Verdict::Deliver);
    assert_eq!(client.event(id, 50), Verdict::Skip);
    assert_eq!(client.resyncs, [(ResyncReason::FellBehind, at(50))]);
}

#[test]
fn a_resync_in_the_middle_of_a_replay_ends_the_catching_up() {
    let (mut client, id) = live(Options::default());
    client.lose(id);
    let id = client.reopen();
    client.resume(id, 40);
    client.event(id, 4);
    client.resync(id, 200);
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_resync_that_is_promised_and_never_sent_comes_before_the_first_event() {
    let (mut client, id) = live(Options::default());
    client.lose(id);
    let id = client.reopen();
    client.ready(id, 90);
    let told = client.tell(Input::Event(id, 91, text(91)));
    let resync = Action::Resync {
        reason: ResyncReason::UnknownCursor,
        cursor: at(90),
    };
    assert_eq!(told.actions.first(), Some(&resync));
    assert_eq!(told.verdict, Some(Verdict::Deliver));
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_resync_that_is_promised_and_never_sent_comes_with_the_next_ping() {
    let (mut client, id) = live(Options::default());
    client.lose(id);
    let id = client.reopen();
    client.ready(id, 90);
    client.tell(Input::Heard(id));
    assert_eq!(client.resyncs, [(ResyncReason::UnknownCursor, at(90))]);
    assert_eq!(client.state(), State::Live);
}

#[test]
fn before_a_missing_event_the_connection_is_replaced_by_one_that_goes_on() {
    let (mut client, id) = live(Options::default());
    let told = client.tell(Input::Event(id, 5, text(5)));
    assert_eq!(told.verdict, Some(Verdict::Skip));
    assert_eq!(crate::client::closed_in(&told.actions), [id]);
    assert_eq!(client.reason(), "out_of_order");
    let id = client.reopen();
    client.resume(id, 2);
    assert_eq!(client.event(id, 4), Verdict::Deliver);
    assert_eq!(client.event(id, 5), Verdict::Deliver);
}

#[test]
fn an_event_that_three_connections_leave_out_is_trimmed() {
    let (mut client, mut id) = live(Options::default());
    for _ in 0..2 {
        client.event(id, 5);
        id = client.reopen();
        client.resume(id, 2);
    }
    client.event(id, 5);
    assert_eq!(client.machine.cursor(), None);
    let id = client.reopen();
    client.ready(id, 5);
    assert_eq!(client.resyncs, [(ResyncReason::Trimmed, at(5))]);
    assert_eq!(client.event(id, 6), Verdict::Deliver);
}

#[test]
fn an_event_of_another_life_of_the_log_needs_a_resync_before_it() {
    let (mut client, id) = live(Options::default());
    let other = Cursor {
        epoch: Epoch(8),
        seq: 4,
    };
    let told = client.tell(Input::Event(id, 4, other.to_string()));
    assert_eq!(told.verdict, Some(Verdict::Skip));
    assert_eq!(client.reason(), "out_of_order");
}

#[test]
fn an_event_whose_seq_is_not_its_cursors_is_no_event() {
    let (mut client, id) = live(Options::default());
    let told = client.tell(Input::Event(id, 4, text(5)));
    assert_eq!(told.verdict, Some(Verdict::Skip));
    assert_eq!(client.reason(), "out_of_order");
}
