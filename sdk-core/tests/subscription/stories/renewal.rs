//! Tokens: for how long one is used, and how a connection gets a new one.

use super::*;
use forge_relay_core::subscription::State;

fn refresh_in(actions: &[Action]) -> Option<(u32, &str)> {
    actions.iter().find_map(|action| match action {
        Action::Refresh { connection, token } => Some((*connection, token.as_str())),
        _ => None,
    })
}

#[test]
fn a_token_is_used_again_for_thirty_seconds() {
    let (mut client, id) = live(Options::default());
    client.wait(29_000);
    let actions = client.lose(id).actions;
    assert_eq!(ticket_in(&actions), None);
    let actions = client.next();
    let (id, _, token, _) = open_in(&actions).unwrap();
    assert_eq!(token, "first");
    client.resume(id, 0);
    client.wait(1_000);
    client.lose(id);
    assert!(ticket_in(&client.wait(1_000)).is_some());
}

#[test]
fn an_old_token_that_is_refused_is_replaced_at_once_and_a_new_one_is_not() {
    let (mut client, id) = live(Options::default());
    client.lose(id);
    let actions = client.next();
    let (id, _, token, _) = open_in(&actions).unwrap();
    assert_eq!(token, "first");
    let refused = |id| Input::Refused(id, "token_invalid".into(), false, None);
    let actions = client.tell(refused(id)).actions;
    let (id, _) = client.give_token(&actions, "second");
    let actions = client.tell(refused(id)).actions;
    assert_eq!(ticket_in(&actions), None);
    assert_eq!(
        (client.state(), client.reason()),
        (State::Denied, "token_invalid")
    );
}

#[test]
fn a_websocket_is_refreshed_and_lives_on() {
    let (mut client, id) = live(Options::default());
    client.now = 240_000;
    client.tell(Input::Heard(id));
    let actions = client.tell(Input::Expiring(id)).actions;
    let ticket = ticket_in(&actions).unwrap();
    let actions = client.tell(Input::Token(ticket, "second".into())).actions;
    assert_eq!(refresh_in(&actions), Some((id, "second")));
    client.tell(Input::Refreshed(id));
    assert_eq!(client.state(), State::Live);
    assert!(client.wait(40_000).is_empty());
    assert_eq!(client.event(id, 4), Verdict::Deliver);
}

#[test]
fn a_refused_refresh_is_tried_again_with_another_token() {
    let (mut client, id) = live(Options::default());
    let ticket = ticket_in(&client.tell(Input::Expiring(id)).actions).unwrap();
    client.tell(Input::Token(ticket, "second".into()));
    client.tell(Input::RefreshRefused(id));
    let ticket = ticket_in(&client.wait(1_000)).unwrap();
    let actions = client.tell(Input::Token(ticket, "third".into())).actions;
    assert_eq!(refresh_in(&actions), Some((id, "third")));
    client.tell(Input::Refreshed(id));
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_refresh_without_an_answer_is_sent_again() {
    let (mut client, id) = live(Options::default());
    let ticket = ticket_in(&client.tell(Input::Expiring(id)).actions).unwrap();
    client.tell(Input::Token(ticket, "second".into()));
    let actions = client.wait(11_000);
    assert_eq!(refresh_in(&actions), Some((id, "second")));
    // The first answer was only slow.
    client.tell(Input::Refreshed(id));
    assert!(client.wait(30_000).is_empty());
}

#[test]
fn a_relay_that_says_expiring_again_and_again_causes_one_renewal() {
    let (mut client, id) = live(Options::default());
    let ticket = ticket_in(&client.tell(Input::Expiring(id)).actions).unwrap();
    assert!(client.tell(Input::Expiring(id)).actions.is_empty());
    client.now += 1;
    client.tell(Input::Token(ticket, "second".into()));
    client.now += 1;
    assert!(client.tell(Input::Expiring(id)).actions.is_empty());
}

#[test]
fn an_app_that_has_no_new_token_is_asked_again_while_the_connection_lives() {
    let (mut client, id) = live(Options::default());
    let mut actions = client.tell(Input::Expiring(id)).actions;
    for _ in 0..5 {
        let ticket = ticket_in(&actions).unwrap();
        client.tell(Input::TokenFailed(ticket, false));
        assert_eq!(client.state(), State::Live);
        actions = client.next();
    }
    // Then its time is over, and there is no way on.
    client.tell(Input::Bye(id, "token_expired".into(), true, 0));
    assert_eq!(client.state(), State::Offline);
    let ticket = ticket_in(&actions).unwrap();
    client.tell(Input::TokenFailed(ticket, false));
    assert_eq!(
        (client.state(), client.reason()),
        (State::Denied, "token_failed")
    );
}

#[test]
fn a_stream_with_a_new_token_takes_over_without_a_gap() {
    let (mut client, old) = live(over(&[Transport::Sse]));
    let actions = client.tell(Input::Expiring(old)).actions;
    let (new, cursor) = client.give_token(&actions, "second");
    assert_eq!(cursor, Some(at(3)));
    assert_eq!(client.event(old, 4), Verdict::Deliver);
    let told = client.tell(Input::Ready(new, text(3), true, 1));
    // Nothing is missing, so that the status does not change.
    assert_eq!(told.actions, [Action::Close { connection: old }]);
    assert_eq!(client.state(), State::Live);
    assert_eq!(client.event(old, 5), Verdict::Skip);
    assert_eq!(client.event(new, 4), Verdict::Skip);
    assert_eq!(client.event(new, 5), Verdict::Deliver);
}

#[test]
fn a_stream_whose_successor_is_refused_lives_on_and_tries_again() {
    let (mut client, old) = live(over(&[Transport::Sse]));
    let actions = client.tell(Input::Expiring(old)).actions;
    let (new, _) = client.give_token(&actions, "second");
    client.tell(Input::Refused(new, "token_expired".into(), true, None));
    assert_eq!(client.state(), State::Live);
    let ticket = ticket_in(&client.wait(1_000)).unwrap();
    let actions = client.tell(Input::Token(ticket, "third".into())).actions;
    let (new, ..) = open_in(&actions).unwrap();
    client.resume(new, 0);
    assert_eq!(client.event(new, 4), Verdict::Deliver);
}

#[test]
fn the_pauses_between_renewals_begin_anew_when_one_worked() {
    let (mut client, mut id) = live(over(&[Transport::Sse]));
    for _ in 0..20 {
        let mut actions = client.tell(Input::Expiring(id)).actions;
        let asked_at = client.now;
        for _ in 0..2 {
            let ticket = ticket_in(&actions).unwrap();
            client.tell(Input::TokenFailed(ticket, true));
            actions = client.next();
        }
        assert!(client.now - asked_at <= 1_500, "{}", client.now - asked_at);
        id = client.give_token(&actions, "new").0;
        client.resume(id, 0);
        client.wait(1_000);
    }
}

#[test]
fn a_better_transport_that_fails_while_a_renewal_is_due_waits_its_turn() {
    let (mut client, stream) = fallen_to_sse();
    let websocket = client.reopen();
    client.tell(Input::Expiring(stream));
    client.lose(websocket);
    // The stream is renewed now; the WebSocket is not tried again at once.
    let opened = client.attempts.len();
    for _ in 0..10 {
        let open = client.open.keys().copied().find(|id| *id != stream);
        if let Some(id) = open.filter(|id| client.open[id] == Transport::Websocket) {
            client.lose(id);
        }
    }
    assert!(client.attempts.len() <= opened + 1);
    assert_eq!(client.state(), State::Live);
}
