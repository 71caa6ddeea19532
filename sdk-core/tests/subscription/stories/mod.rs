//! Stories of one client, each short enough to be read.

mod attempts;
mod ends;
mod outside;
mod pages;
mod place;
mod renewal;
mod transports;

use forge_relay_core::subscription::{Action, Options, Transport, Verdict};
use forge_relay_core::{Cursor, Epoch, ResyncReason};

use crate::client::{Client, Told, open_in, ticket_in};
use crate::input::Input;

fn at(seq: u64) -> Cursor {
    let epoch = Epoch(7);
    Cursor { epoch, seq }
}

fn text(seq: u64) -> String {
    at(seq).to_string()
}

fn over(transports: &[Transport]) -> Options {
    Options {
        transports: transports.to_vec(),
        ..Options::default()
    }
}

/// Started, with a token, and on the way: the client and its first connection.
fn connecting(options: Options) -> (Client, u32) {
    let mut client = Client::new(options, 42);
    let actions = client.tell(Input::Start).actions;
    let id = client.give_token(&actions, "first").0;
    (client, id)
}

/// Live from seq 3 on.
fn live(options: Options) -> (Client, u32) {
    let (mut client, id) = connecting(options);
    client.ready(id, 3);
    (client, id)
}

/// Live over a stream, because a proxy cut the WebSocket's tries.
fn fallen_to_sse() -> (Client, u32) {
    let (mut client, id) = live(over(&[Transport::Websocket, Transport::Sse]));
    client.lose(id);
    let id = client.reopen();
    client.lose(id);
    let id = client.reopen();
    client.lose(id);
    let id = client.reopen();
    assert_eq!(client.open[&id], Transport::Sse);
    client.resume(id, 0);
    (client, id)
}

impl Client {
    /// Answers the question in `actions`, and expects a connection to be opened with the token.
    fn give_token(&mut self, actions: &[Action], token: &str) -> (u32, Option<Cursor>) {
        let ticket = ticket_in(actions).expect("a question for a token");
        let told = self.tell(Input::Token(ticket, token.into()));
        let (id, _, shown, cursor) = open_in(&told.actions).expect("a connection");
        assert_eq!(shown, token);
        (id, cursor)
    }

    /// Starts at the head.
    fn ready(&mut self, id: u32, head: u64) -> Told {
        self.tell(Input::Ready(id, text(head), false, 0))
    }

    /// Goes on from where the app is.
    fn resume(&mut self, id: u32, replayed: u64) -> Told {
        let cursor = self.machine.cursor().expect("a place").to_string();
        self.tell(Input::Ready(id, cursor, true, replayed))
    }

    fn event(&mut self, id: u32, seq: u64) -> Verdict {
        self.tell(Input::Event(id, seq, text(seq)))
            .verdict
            .expect("a verdict")
    }

    fn lose(&mut self, id: u32) -> Told {
        self.tell(Input::Lost(id))
    }

    /// Waits through the pause, gives a token if one is asked for, and returns the connection that is opened.
    fn reopen(&mut self) -> u32 {
        for _ in 0..4 {
            let mut actions = self.next();
            if let Some(ticket) = ticket_in(&actions) {
                actions = self.tell(Input::Token(ticket, "again".into())).actions;
            }
            if let Some((id, ..)) = open_in(&actions) {
                return id;
            }
        }
        panic!("it does not try again: {:?}", self.status);
    }

    fn resync(&mut self, id: u32, seq: u64) -> Told {
        let reason = ResyncReason::FellBehind;
        self.tell(Input::Resync(id, reason, text(seq)))
    }
}
