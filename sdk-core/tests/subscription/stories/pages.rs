//! Reading the log page by page.

use super::*;
use forge_relay_core::subscription::State;

/// The place that the next page is read from.
fn read_in(actions: &[Action]) -> Option<Option<Cursor>> {
    actions.iter().find_map(|action| match action {
        Action::ReadPage { cursor, .. } => Some(*cursor),
        _ => None,
    })
}

fn pages() -> Options {
    over(&[Transport::Pages])
}

#[test]
fn without_a_cursor_it_reads_up_to_the_head_and_shows_nothing_of_it() {
    let mut client = Client::new(pages(), 42);
    let ticket = ticket_in(&client.tell(Input::Start).actions).unwrap();
    let actions = client.tell(Input::Token(ticket, "first".into())).actions;
    assert_eq!(read_in(&actions), Some(None));
    let (id, ..) = open_in(&actions).unwrap();
    assert_eq!(client.event(id, 1), Verdict::Skip);
    assert_eq!(client.event(id, 2), Verdict::Skip);
    let actions = client.tell(Input::Page(id, text(2), true)).actions;
    assert_eq!(read_in(&actions), Some(Some(at(2))));
    assert_eq!(client.state(), State::Connecting);
    assert_eq!(client.event(id, 3), Verdict::Skip);
    client.tell(Input::Page(id, text(3), false));
    assert_eq!(
        (client.state(), client.machine.cursor()),
        (State::Live, Some(at(3)))
    );
    assert_eq!(read_in(&client.next()), Some(Some(at(3))));
    assert_eq!(client.event(id, 4), Verdict::Deliver);
    client.tell(Input::Page(id, text(4), false));
    assert!(client.resyncs.is_empty());
}

#[test]
fn many_pages_in_a_row_are_one_catching_up() {
    let options = Options {
        cursor: Some(at(3)),
        ..pages()
    };
    let (mut client, id) = connecting(options);
    let mut states = Vec::new();
    for seq in 4..=9 {
        let told = client.tell(Input::Event(id, seq, text(seq)));
        assert_eq!(told.verdict, Some(Verdict::Deliver));
        let mut actions = told.actions;
        if seq % 2 == 1 {
            actions.extend(client.tell(Input::Page(id, text(seq), seq < 9)).actions);
        }
        states.extend(actions.into_iter().filter_map(|action| match action {
            Action::Status(status) => Some(status.state),
            _ => None,
        }));
    }
    assert_eq!(states, [State::CatchingUp, State::Live]);
}

#[test]
fn a_place_that_is_gone_is_a_resync_and_the_reading_goes_on_from_there() {
    let options = Options {
        cursor: Some(at(3)),
        ..pages()
    };
    let (mut client, id) = connecting(options);
    client.tell(Input::Resync(id, ResyncReason::Trimmed, text(90)));
    assert_eq!(client.resyncs, [(ResyncReason::Trimmed, at(90))]);
    assert_eq!(client.state(), State::Live);
    assert_eq!(read_in(&client.next()), Some(Some(at(90))));
    assert_eq!(client.event(id, 91), Verdict::Deliver);
    client.tell(Input::Page(id, text(91), false));
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_page_that_does_not_hold_what_it_says_is_not_believed() {
    let (mut client, id) = connecting(pages());
    client.tell(Input::Page(id, text(3), false));
    client.next();
    client.event(id, 4);
    client.tell(Input::Page(id, text(5), false));
    assert_eq!(client.reason(), "out_of_order");
    assert_eq!(client.machine.cursor(), Some(at(4)));
}

#[test]
fn a_page_that_never_comes_is_not_waited_for_forever() {
    let (mut client, id) = connecting(pages());
    client.tell(Input::Page(id, text(3), false));
    client.next();
    client.wait(10_000);
    assert_eq!(client.reason(), "silent");
}

#[test]
fn a_log_that_always_has_more_and_never_gets_further_is_not_read_in_a_loop() {
    for cursor in [None, Some(at(3))] {
        let (mut client, id) = connecting(Options { cursor, ..pages() });
        let mut reads = 0;
        while client.open.contains_key(&id) && reads < 100 && client.machine.wake_at().is_some() {
            let actions = client.tell(Input::Page(id, text(3), true)).actions;
            reads += 1;
            if read_in(&actions).is_none() {
                break;
            }
        }
        assert!(reads < 5, "{reads}");
    }
}

#[test]
fn replicas_that_know_nothing_of_each_other_are_not_asked_in_a_loop() {
    let (mut client, id) = connecting(pages());
    client.tell(Input::Page(id, text(3), false));
    let begin = client.now;
    for _ in 0..10 {
        while read_in(&client.next()).is_none() {}
        client.tell(Input::Resync(id, ResyncReason::EpochChanged, text(3)));
    }
    assert!(client.now - begin > 10_000, "{}", client.now - begin);
}

#[test]
fn pages_whose_token_ended_are_read_on_with_another_one_and_nobody_notices() {
    let (mut client, old) = connecting(pages());
    client.tell(Input::Page(old, text(3), false));
    for _ in 0..20 {
        if read_in(&client.next()).is_some() {
            client.tell(Input::Page(old, text(3), false));
        }
    }
    while read_in(&client.next()).is_none() {}
    let refused = Input::Refused(old, "token_expired".into(), true, None);
    let actions = client.tell(refused).actions;
    let (new, cursor) = client.give_token(&actions, "second");
    assert_eq!(cursor, Some(at(3)));
    assert_eq!(client.event(new, 4), Verdict::Deliver);
    let told = client.tell(Input::Page(new, text(4), false));
    assert_eq!(told.actions, [Action::Close { connection: old }]);
    assert_eq!(client.state(), State::Live);
}

#[test]
fn pages_whose_token_ended_are_not_live_for_long_without_another_one() {
    let (mut client, id) = connecting(pages());
    client.tell(Input::Page(id, text(3), false));
    for _ in 0..20 {
        if read_in(&client.next()).is_some() {
            client.tell(Input::Page(id, text(3), false));
        }
    }
    while read_in(&client.next()).is_none() {}
    client.tell(Input::Refused(id, "token_expired".into(), true, None));
    client.wait(10_000);
    assert_eq!(client.state(), State::Offline);
    let ticket = client.asked().unwrap();
    let told = client.tell(Input::Token(ticket, "late".into()));
    let actions = [told.actions, client.wait(1_000)].concat();
    let (id, _, token, _) = open_in(&actions).unwrap();
    assert_eq!(token, "late");
    client.tell(Input::Page(id, text(3), false));
    assert_eq!(client.state(), State::Live);
}
