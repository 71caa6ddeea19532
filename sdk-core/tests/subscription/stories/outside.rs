//! What happens around a client: sleep, networks, readers' eyes.

use super::*;
use forge_relay_core::subscription::State;

const HOUR: u64 = 3_600_000;

#[test]
fn a_laptop_that_slept_does_not_hold_it_against_the_transport() {
    let (mut client, mut id) = live(Options::default());
    for _ in 0..10 {
        client.now += HOUR;
        client.tell(Input::Wake);
        assert_eq!(
            (client.state(), client.reason()),
            (State::Offline, "silent")
        );
        id = client.reopen();
        assert_eq!(client.open[&id], Transport::Websocket);
        client.resume(id, 0);
        client.now += HOUR;
        // The browser says so before any timer does.
        client.lose(id);
        id = client.reopen();
        client.resume(id, 0);
    }
    assert_eq!(client.open[&id], Transport::Websocket);
}

#[test]
fn a_laptop_that_sleeps_while_a_better_transport_is_tried_does_not_hold_it_against_that() {
    let (mut client, stream) = fallen_to_sse();
    for _ in 0..10 {
        client.reopen();
        client.now += 25_000;
        client.tell(Input::Heard(stream));
        assert_eq!(client.open.len(), 1);
    }
    let before = client.now;
    client.reopen();
    assert!(client.now - before < 7_000, "{}", client.now - before);
}

#[test]
fn without_a_network_it_says_so_and_comes_back_as_soon_as_there_is_one() {
    let (mut client, mut id) = live(Options::default());
    client.tell(Input::Network(false));
    for _ in 0..8 {
        client.lose(id);
        assert_eq!(
            (client.state(), client.reason()),
            (State::Offline, "network")
        );
        id = client.reopen();
        assert_eq!(client.open[&id], Transport::Websocket);
    }
    client.lose(id);
    client.tell(Input::Network(true));
    assert_eq!(client.reason(), "unreachable");
    let before = client.now;
    let id = client.reopen();
    assert!(client.now - before <= 300);
    client.resume(id, 0);
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_page_that_is_looked_at_again_waits_no_longer() {
    let (mut client, mut id) = connecting(over(&[Transport::Websocket]));
    client.tell(Input::Visible(false));
    for _ in 0..12 {
        client.lose(id);
        id = client.reopen();
    }
    client.lose(id);
    client.tell(Input::Visible(true));
    let before = client.now;
    client.reopen();
    assert!(client.now - before <= 300);
}

#[test]
fn a_hidden_page_reads_pages_less_often_and_at_once_when_it_is_looked_at() {
    let (mut client, id) = connecting(over(&[Transport::Pages]));
    client.tell(Input::Page(id, text(3), false));
    let wait = |client: &Client| client.machine.wake_at().unwrap() - client.now;
    assert!((1_500..=2_500).contains(&wait(&client)));
    client.tell(Input::Visible(false));
    client.next();
    client.tell(Input::Page(id, text(3), false));
    assert!((7_500..=12_500).contains(&wait(&client)));
    let actions = client.tell(Input::Visible(true)).actions;
    assert!(
        matches!(actions[..], [Action::ReadPage { .. }]),
        "{actions:?}"
    );
}
