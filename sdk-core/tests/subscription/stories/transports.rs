//! From one transport to another, and back.

use super::*;
use crate::client::closed_in;
use forge_relay_core::subscription::State;

#[test]
fn a_websocket_that_is_never_answered_gives_way_to_a_stream() {
    let (mut client, id) = connecting(Options::default());
    client.lose(id);
    assert_eq!(client.reason(), "unreachable");
    let id = client.reopen();
    assert_eq!(client.open[&id], Transport::Websocket);
    client.lose(id);
    let id = client.reopen();
    assert_eq!(client.open[&id], Transport::Sse);
}

#[test]
fn where_packets_vanish_one_timeout_is_enough() {
    let (mut client, _) = connecting(Options::default());
    client.wait(10_000);
    assert_eq!(client.reason(), "timed_out");
    let id = client.reopen();
    assert_eq!(client.open[&id], Transport::Sse);
}

#[test]
fn three_short_lives_of_a_websocket_lead_to_a_stream() {
    let (mut client, mut id) = live(Options::default());
    for _ in 0..3 {
        assert_eq!(client.open[&id], Transport::Websocket);
        client.wait(20_000);
        client.lose(id);
        id = client.reopen();
        client.resume(id, 0);
    }
    assert_eq!(client.open[&id], Transport::Sse);
    assert_eq!(
        client.status.as_ref().unwrap().transport,
        Some(Transport::Sse)
    );
}

#[test]
fn a_long_life_makes_up_for_short_ones_however_it_ends() {
    let (mut client, mut id) = live(Options::default());
    for _ in 0..10 {
        client.wait(1_000);
        client.lose(id);
        id = client.reopen();
        client.resume(id, 0);
        for _ in 0..4 {
            client.wait(25_000);
            client.tell(Input::Heard(id));
        }
        client.tell(Input::Bye(id, "draining".into(), true, 500));
        id = client.reopen();
        client.resume(id, 0);
    }
    assert_eq!(client.open[&id], Transport::Websocket);
}

#[test]
fn a_stream_that_falls_silent_is_held_back_by_a_proxy_and_pages_are_read() {
    let (mut client, id) = live(over(&[Transport::Sse, Transport::Pages]));
    client.wait(40_000);
    assert_eq!(client.reason(), "silent");
    assert!(!client.open.contains_key(&id));
    let id = client.reopen();
    assert_eq!(client.open[&id], Transport::Pages);
}

#[test]
fn it_returns_to_the_websocket_beside_the_stream_and_drops_what_comes_twice() {
    let (mut client, stream) = fallen_to_sse();
    let websocket = client.reopen();
    assert_eq!(client.open[&websocket], Transport::Websocket);
    assert_eq!(client.open.len(), 2);
    assert_eq!(client.event(stream, 4), Verdict::Deliver);
    let told = client.tell(Input::Ready(websocket, text(3), true, 1));
    assert_eq!(closed_in(&told.actions), [stream]);
    assert_eq!(client.event(websocket, 4), Verdict::Skip);
    assert_eq!(client.event(stream, 4), Verdict::Skip);
    assert_eq!(client.event(websocket, 5), Verdict::Deliver);
    let status = client.status.as_ref().unwrap();
    assert_eq!(status.transport, Some(Transport::Websocket));
    assert_eq!(client.state(), State::Live);
}

#[test]
fn a_better_transport_that_does_not_work_disturbs_nobody_and_is_tried_less_and_less() {
    let (mut client, stream) = fallen_to_sse();
    let mut tried = Vec::new();
    let mut seq = 3;
    while tried.len() < 6 {
        client.wait(1_000);
        if let Some(ticket) = client.asked() {
            client.tell(Input::Token(ticket, "again".into()));
        }
        if let Some(id) = client.open.keys().copied().find(|id| *id != stream) {
            tried.push(client.now);
            client.lose(id);
        }
        seq += 1;
        assert_eq!(client.event(stream, seq), Verdict::Deliver);
        assert_eq!(client.state(), State::Live);
    }
    let pauses: Vec<u64> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!(*pauses.last().unwrap() > 60_000, "{pauses:?}");
}

#[test]
fn an_app_that_has_no_token_for_a_better_transport_is_asked_less_and_less() {
    let (mut client, stream) = fallen_to_sse();
    let mut asked = 0;
    while client.now < 3_600_000 {
        client.wait(10_000);
        client.tell(Input::Heard(stream));
        if let Some(id) = client.open.keys().copied().find(|id| *id != stream) {
            client.lose(id);
        }
        if let Some(ticket) = client.asked() {
            client.tell(Input::TokenFailed(ticket, true));
            asked += 1;
        }
    }
    assert!((5..20).contains(&asked), "{asked}");
    assert_eq!(client.state(), State::Live);
}

#[test]
fn tokens_that_end_while_pages_are_read_do_not_put_off_the_better_transport() {
    let (mut client, mut id) = connecting(over(&[Transport::Websocket, Transport::Pages]));
    let mut tries = 0;
    let mut token_until = 0;
    for _ in 0..3_600 {
        client.wait(1_000);
        if let Some(ticket) = client.asked() {
            token_until = client.now + 300_000;
            client.tell(Input::Token(ticket, "again".into()));
        }
        for (open, transport) in client.open.clone() {
            if transport == Transport::Websocket {
                tries += u32::from(client.open.len() == 2);
                client.lose(open);
            } else {
                id = open;
            }
        }
        if client.is_reading(id) && client.now > token_until {
            client.tell(Input::Refused(id, "token_expired".into(), true, None));
        } else if client.is_reading(id) {
            client.tell(Input::Page(id, text(3), false));
        }
    }
    // After some 5, 10, 20, … s, and then every 10 minutes.
    assert!((8..20).contains(&tries), "{tries}");
}

#[test]
fn a_hidden_page_does_not_look_for_a_better_transport() {
    let (mut client, stream) = fallen_to_sse();
    client.tell(Input::Visible(false));
    let before = client.attempts.len();
    for _ in 0..20 {
        client.wait(15_000);
        client.tell(Input::Heard(stream));
    }
    assert_eq!(client.attempts.len(), before);
    client.tell(Input::Visible(true));
    assert!(client.attempts.len() > before);
}

#[test]
fn what_a_handshake_says_of_silence_counts_within_reason() {
    for (said, waits) in [
        (Some(7_000), 7_000),
        (None, 50_000),
        (Some(0), 1_000),
        (Some(u64::MAX), 3_600_000),
    ] {
        let (mut client, id) = connecting(Options::default());
        client.tell(Input::Opened(id, said));
        client.ready(id, 3);
        assert_eq!(
            client.machine.wake_at(),
            Some(client.now + waits),
            "{said:?}"
        );
    }
}
