//! How connections end, and how a session does.

use super::*;
use crate::client::closed_in;
use forge_relay_core::subscription::State;

fn bye(id: u32, code: &str, reconnect: bool, after: u64) -> Input {
    Input::Bye(id, code.into(), reconnect, after)
}

#[test]
fn after_a_bye_it_comes_back_when_the_relay_asked_for_it() {
    let (mut client, id) = live(Options::default());
    client.wait(20_000);
    let told = client.tell(bye(id, "draining", true, 2_000));
    assert_eq!(closed_in(&told.actions), [id]);
    assert_eq!(
        (client.state(), client.reason()),
        (State::Offline, "draining")
    );
    let retry_at = client.status.as_ref().unwrap().retry_at.unwrap();
    assert!((client.now + 2_000..client.now + 2_500).contains(&retry_at));
    let id = client.reopen();
    assert_eq!(client.now, retry_at);
    client.resume(id, 0);
    assert_eq!(client.state(), State::Live);
    assert!(client.resyncs.is_empty());
}

#[test]
fn a_bye_for_good_is_the_end_until_it_is_started_again() {
    let (mut client, id) = live(Options::default());
    let told = client.tell(bye(id, "revoked", false, 0));
    assert_eq!(closed_in(&told.actions), [id]);
    assert_eq!(
        (client.state(), client.reason()),
        (State::Denied, "revoked")
    );
    client.wait(1_000_000);
    assert!(client.tell(Input::Network(true)).actions.is_empty());
    let actions = client.tell(Input::Start).actions;
    assert_eq!(client.state(), State::Connecting);
    let (id, cursor) = client.give_token(&actions, "second");
    assert_eq!(cursor, Some(at(3)));
    client.resume(id, 1);
    assert_eq!(client.event(id, 4), Verdict::Deliver);
}

#[test]
fn a_bye_because_of_the_token_leads_to_a_new_one() {
    let (mut client, id) = live(Options::default());
    client.wait(5_000);
    client.tell(bye(id, "token_expired", true, 0));
    let actions = client.next();
    let (_, cursor) = client.give_token(&actions, "second");
    assert_eq!(cursor, Some(at(3)));
}

#[test]
fn a_relay_that_restarts_is_met_again_and_again_until_it_is_there() {
    let (mut client, id) = live(over(&[Transport::Websocket]));
    client.wait(20_000);
    client.tell(bye(id, "draining", true, 700));
    let id = client.reopen();
    client.tell(Input::Refused(id, "draining".into(), true, Some(900)));
    assert_eq!(client.reason(), "draining");
    let id = client.reopen();
    client.lose(id);
    let id = client.reopen();
    client.ready(id, 0);
    let cursor = Cursor {
        epoch: Epoch(8),
        seq: 0,
    };
    client.tell(Input::Resync(
        id,
        ResyncReason::EpochChanged,
        cursor.to_string(),
    ));
    assert_eq!(client.state(), State::Live);
    assert_eq!(client.resyncs, [(ResyncReason::EpochChanged, cursor)]);
}

#[test]
fn an_app_that_says_no_for_good_is_asked_again_when_started_again() {
    let mut client = Client::new(Options::default(), 42);
    let ticket = ticket_in(&client.tell(Input::Start).actions).unwrap();
    client.tell(Input::TokenFailed(ticket, false));
    assert_eq!(
        (client.state(), client.reason()),
        (State::Denied, "token_failed")
    );
    let ticket = ticket_in(&client.tell(Input::Start).actions).unwrap();
    client.tell(Input::TokenFailed(ticket, true));
    assert_eq!(
        (client.state(), client.reason()),
        (State::Offline, "token_failed")
    );
}

#[test]
fn an_app_that_never_answers_is_asked_again() {
    let mut client = Client::new(Options::default(), 42);
    let first = ticket_in(&client.tell(Input::Start).actions).unwrap();
    client.wait(30_000);
    assert_eq!(client.reason(), "token_failed");
    let second = ticket_in(&client.wait(1_000)).unwrap();
    assert!(
        client
            .tell(Input::Token(first, "late".into()))
            .actions
            .is_empty()
    );
    let told = client.tell(Input::Token(second, "in time".into()));
    assert!(open_in(&told.actions).is_some());
}

#[test]
fn closing_closes_everything_and_says_so_once() {
    let (mut client, stream) = fallen_to_sse();
    let websocket = client.reopen();
    let told = client.tell(Input::Close);
    assert_eq!(closed_in(&told.actions), [websocket, stream]);
    assert_eq!(client.state(), State::Closed);
    assert!(client.tell(Input::Close).actions.is_empty());
    assert!(client.tell(Input::Start).actions.is_empty());
    assert_eq!(client.event(stream, 4), Verdict::Skip);
}

#[test]
fn what_is_no_code_is_not_passed_on() {
    for code in ["", "<b>", "no\nline", "Not Authorized"] {
        let (mut client, id) = live(Options::default());
        client.tell(bye(id, code, true, 0));
        assert_eq!(client.reason(), "unknown", "{code:?}");
    }
    let (mut client, id) = live(Options::default());
    client.tell(bye(id, "code_of_tomorrow", false, 0));
    assert_eq!(client.reason(), "code_of_tomorrow");
}
