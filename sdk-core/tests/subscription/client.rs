//! A subscription under watch: after every input, whatever must always hold is checked.

use std::collections::{BTreeMap, BTreeSet};

use forge_relay_core::subscription::{
    Action, Options, State, Status, Subscription, Transport, Verdict,
};
use forge_relay_core::{Cursor, ResyncReason};

use crate::input::Input;

/// More than one input can ever cause.
const MOST_ACTIONS: usize = 12;

/// What an input led to.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) actions: Vec<Action>,
    pub(crate) verdict: Option<Verdict>,
}

/// Stands where the app and its host stand: carries out what it is told, and remembers what it saw.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) machine: Subscription,
    pub(crate) now: u64,
    /// Up to where the app has everything.
    pub(crate) place: Option<Cursor>,
    pub(crate) delivered: u64,
    pub(crate) resyncs: Vec<(ResyncReason, Cursor)>,
    /// The latest that the app was told.
    pub(crate) status: Option<Status>,
    pub(crate) open: BTreeMap<u32, Transport>,
    /// When a connection was opened, or a token asked for.
    pub(crate) attempts: Vec<u64>,
    numbers: BTreeSet<u32>,
    reading: BTreeSet<u32>,
    asked: Option<u32>,
    over: bool,
}

impl Client {
    pub(crate) fn new(options: Options, seed: u64) -> Self {
        let place = options.cursor;
        Self {
            machine: Subscription::new(options, seed),
            now: 0,
            place,
            delivered: 0,
            resyncs: Vec::new(),
            status: None,
            open: BTreeMap::new(),
            attempts: Vec::new(),
            numbers: BTreeSet::new(),
            reading: BTreeSet::new(),
            asked: None,
            over: false,
        }
    }

    pub(crate) fn tell(&mut self, input: Input) -> Told {
        let now = self.now;
        if let Input::Page(id, ..) | Input::Resync(id, ..) | Input::Refused(id, ..) = input {
            self.reading.remove(&id);
        }
        if let Input::Token(ticket, _) | Input::TokenFailed(ticket, _) = input {
            self.asked = self.asked.filter(|asked| *asked != ticket);
        }
        let verdict = input.call(&mut self.machine, now);
        let actions: Vec<Action> = std::iter::from_fn(|| self.machine.next_action()).collect();
        if self.over {
            assert!(actions.is_empty(), "after the close: {actions:?}");
            assert_ne!(verdict, Some(Verdict::Deliver), "after the close");
        }
        for action in &actions {
            self.carry_out(action);
        }
        if verdict == Some(Verdict::Deliver) {
            self.deliver(&input);
        }
        assert!(actions.len() <= MOST_ACTIONS, "{input:?}: {actions:?}");
        self.check();
        Told { actions, verdict }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::FetchToken { ticket } => {
                assert!(self.numbers.insert(*ticket), "a number twice: {ticket}");
                self.asked = Some(*ticket);
                self.attempts.push(self.now);
            }
            Action::Open {
                connection,
                transport,
                cursor,
                ..
            } => {
                assert!(self.numbers.insert(*connection), "twice: {connection}");
                assert_eq!(*cursor, self.machine.cursor());
                self.open.insert(*connection, *transport);
                assert!(self.open.len() <= 2, "{:?}", self.open);
                self.attempts.push(self.now);
            }
            Action::Close { connection } => {
                let known = self.open.remove(connection);
                assert!(known.is_some(), "closed {connection}, which is not open");
                self.reading.remove(connection);
            }
            Action::Refresh { connection, .. } => {
                assert_eq!(self.open.get(connection), Some(&Transport::Websocket));
            }
            Action::ReadPage { connection, .. } => {
                assert_eq!(self.open.get(connection), Some(&Transport::Pages));
                assert!(
                    self.reading.insert(*connection),
                    "read while another is read"
                );
            }
            Action::Resync { reason, cursor } => {
                self.resyncs.push((*reason, *cursor));
                self.place = Some(*cursor);
            }
            Action::Status(status) => {
                assert_ne!(self.status.as_ref(), Some(status), "the same status twice");
                self.status = Some(status.clone());
                self.over |= status.state == State::Closed;
            }
        }
    }

    /// The promise: the next event of the same log, or none.
    fn deliver(&mut self, input: &Input) {
        let Input::Event(_, seq, cursor) = input else {
            panic!("a verdict of {input:?}");
        };
        let cursor: Cursor = cursor.parse().expect("garbage came through");
        let place = self.place.expect("an event before the app has a place");
        assert_eq!(cursor.seq, *seq);
        assert_eq!(cursor.epoch, place.epoch, "another log without a resync");
        assert_eq!(cursor.seq, place.seq + 1, "a hole, or the same twice");
        self.place = Some(cursor);
        self.delivered += 1;
    }

    fn check(&mut self) {
        let place = self.machine.cursor();
        if self.place.is_none() {
            self.place = place;
        }
        assert!(
            place.is_none() || place == self.place,
            "{place:?}: the app is at {:?}",
            self.place
        );
        let status = self.machine.status();
        assert_eq!(self.status.as_ref(), Some(&status), "the app was not told");
        let runs = !matches!(status.state, State::Denied | State::Closed);
        if !runs {
            assert!(self.open.is_empty(), "left open: {:?}", self.open);
            assert_eq!(self.machine.wake_at(), None);
        }
        if matches!(status.state, State::Offline | State::Denied) {
            let reason = status.reason.as_deref().unwrap_or_default();
            assert!(
                !reason.is_empty()
                    && reason
                        .bytes()
                        .all(|it| it.is_ascii_lowercase() || it == b'_'),
                "{status:?}"
            );
        }
        if let Some(at) = self.machine.wake_at() {
            assert!(at > self.now, "wakes at {at}, and it is {}", self.now);
        }
        let mut again = self.machine.clone();
        again.wake(self.now);
        assert_eq!(again.next_action(), None, "a second look finds more to do");
        assert_eq!(again.wake_at(), self.machine.wake_at());
    }

    /// Does nothing until then, but what timers ask for, exactly in time.
    pub(crate) fn wait_until(&mut self, time: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some(at) = self.machine.wake_at().filter(|at| *at <= time) {
            self.now = at;
            actions.extend(self.tell(Input::Wake).actions);
        }
        self.now = time;
        actions
    }

    pub(crate) fn wait(&mut self, time: u64) -> Vec<Action> {
        self.wait_until(self.now + time)
    }

    /// Waits for the next timer.
    pub(crate) fn next(&mut self) -> Vec<Action> {
        self.now = self.machine.wake_at().expect("a timer");
        self.tell(Input::Wake).actions
    }

    /// The question for a token that the app has not answered.
    pub(crate) fn asked(&self) -> Option<u32> {
        self.asked
    }

    pub(crate) fn is_reading(&self, id: u32) -> bool {
        self.reading.contains(&id)
    }

    pub(crate) fn state(&self) -> State {
        self.machine.status().state
    }

    pub(crate) fn reason(&self) -> &str {
        let status = self.status.as_ref();
        status
            .and_then(|it| it.reason.as_deref())
            .unwrap_or_default()
    }
}

pub(crate) fn ticket_in(actions: &[Action]) -> Option<u32> {
    actions.iter().find_map(|action| match action {
        Action::FetchToken { ticket } => Some(*ticket),
        _ => None,
    })
}

/// The connection that is opened, over what, with which token, and from where.
pub(crate) fn open_in(actions: &[Action]) -> Option<(u32, Transport, &str, Option<Cursor>)> {
    actions.iter().find_map(|action| match action {
        Action::Open {
            connection,
            transport,
            token,
            cursor,
        } => Some((*connection, *transport, token.as_str(), *cursor)),
        _ => None,
    })
}

pub(crate) fn closed_in(actions: &[Action]) -> Vec<u32> {
    let closed = |action: &Action| match action {
        Action::Close { connection } => Some(*connection),
        _ => None,
    };
    actions.iter().filter_map(closed).collect()
}
