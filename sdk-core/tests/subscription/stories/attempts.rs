//! How often something is tried: never in a loop, and not all at once.

use super::*;
use crate::client::closed_in;

/// Lets `answer` answer each new connection within `time`, and returns when they were opened.
fn opened_within(
    client: &mut Client,
    time: u64,
    mut answer: impl FnMut(&mut Client, u32),
) -> Vec<u64> {
    let mut opened = Vec::new();
    let until = client.now + time;
    while client.now < until && opened.len() < 10_000 {
        for id in client.open.keys().copied().collect::<Vec<_>>() {
            opened.push(client.now);
            answer(client, id);
        }
        client.now = client.machine.wake_at().unwrap().min(until);
        let actions = client.tell(Input::Wake).actions;
        if let Some(ticket) = ticket_in(&actions) {
            client.tell(Input::Token(ticket, "again".into()));
        }
        if let Some(ticket) = client.asked() {
            client.tell(Input::Token(ticket, "again".into()));
        }
    }
    opened
}

/// As many as a bound on the pause that doubles up to 30 s allows, and not fewer.
fn grow(opened: &[u64]) {
    assert!((20..=60).contains(&opened.len()), "{}", opened.len());
    let longest = opened.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest > Some(20_000), "{longest:?}");
}

const TEN_MINUTES: u64 = 600_000;

#[test]
fn a_relay_that_is_not_there_is_tried_less_and_less() {
    let (mut client, _) = connecting(Options::default());
    let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
        client.lose(id);
    });
    grow(&opened);
}

#[test]
fn a_relay_that_refuses_and_asks_for_no_pause_gets_one() {
    for after in [None, Some(0)] {
        let (mut client, _) = connecting(Options::default());
        let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
            client.tell(Input::Refused(id, "server_error".into(), true, after));
        });
        grow(&opened);
    }
}

#[test]
fn a_relay_that_says_ready_and_bye_in_one_breath_is_tried_less_and_less() {
    let (mut client, _) = live(Options::default());
    let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
        client.resume(id, 0);
        client.tell(Input::Bye(id, "server_error".into(), true, 0));
    });
    grow(&opened);
}

#[test]
fn a_token_that_is_accepted_and_refused_in_one_breath_is_not_asked_for_in_a_loop() {
    let (mut client, _) = live(Options::default());
    let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
        client.resume(id, 0);
        client.tell(Input::Refused(id, "token_expired".into(), true, None));
    });
    grow(&opened);
}

#[test]
fn a_token_that_is_never_good_is_asked_for_less_and_less() {
    let (mut client, _) = connecting(Options::default());
    let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
        client.tell(Input::Refused(id, "token_expired".into(), true, None));
    });
    grow(&opened);
}

#[test]
fn a_relay_that_always_leaves_something_out_is_tried_less_and_less() {
    let (mut client, _) = live(Options::default());
    let opened = opened_within(&mut client, TEN_MINUTES, |client, id| {
        match client.machine.cursor() {
            Some(_) => client.resume(id, 2),
            None => client.ready(id, 3),
        };
        let seq = client.machine.cursor().unwrap().seq;
        client.event(id, seq + 2);
    });
    grow(&opened);
}

#[test]
fn a_thousand_clients_of_a_relay_that_restarts_do_not_come_as_one() {
    let mut first = vec![0; 10];
    let mut after_bye = vec![0; 10];
    for seed in 0..1_000 {
        let mut client = Client::new(Options::default(), seed);
        let actions = client.tell(Input::Start).actions;
        let (id, _) = client.give_token(&actions, "first");
        client.ready(id, 3);
        client.wait(20_000);
        let lost_at = client.now;
        client.lose(id);
        let id = client.reopen();
        first[((client.now - lost_at) / 51) as usize] += 1;
        client.resume(id, 0);
        client.wait(20_000);
        let told = client.tell(Input::Bye(id, "draining".into(), true, 1_000));
        assert_eq!(closed_in(&told.actions), [id]);
        let lost_at = client.now + 1_000;
        client.reopen();
        after_bye[((client.now - lost_at) / 31) as usize] += 1;
    }
    // Ten slices of the pause's bound, a tenth of them all in each.
    assert!(
        first.iter().all(|count| (60..=140).contains(count)),
        "{first:?}"
    );
    assert!(
        after_bye.iter().all(|count| (60..=140).contains(count)),
        "{after_bye:?}"
    );
}

#[test]
fn of_a_thousand_clients_without_a_relay_few_try_in_any_second() {
    let mut seconds = vec![0; 61];
    for seed in 0..1_000 {
        let mut client = Client::new(over(&[Transport::Websocket]), seed);
        let actions = client.tell(Input::Start).actions;
        client.give_token(&actions, "first");
        for time in opened_within(&mut client, 60_000, |client, id| {
            client.lose(id);
        }) {
            seconds[(time / 1_000) as usize] += 1;
        }
    }
    assert!(
        seconds[30..60].iter().all(|count| *count < 150),
        "{seconds:?}"
    );
}
