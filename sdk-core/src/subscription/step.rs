//! What time, and what has just happened, make due.

use std::borrow::Cow;

use super::Transport;
use super::action::Action;
use super::connection::{Connection, Page, Renewal};
use super::ladder::End;
use super::machine::{Phase, STEADY, Subscription, Which};
use super::status::{State, Status};
use super::token::{Fetch, Token};

/// A timer that rings this much too late means that the machine slept.
const OVERSLEPT: u64 = 10_000;

impl Subscription {
    pub(super) fn which(&self, id: u32) -> Option<Which> {
        let is =
            |connection: &Option<Connection>| connection.as_ref().is_some_and(|it| it.id == id);
        if is(&self.current) {
            Some(Which::Current)
        } else {
            is(&self.candidate).then_some(Which::Candidate)
        }
    }

    pub(super) fn slot(&mut self, which: Which) -> &mut Option<Connection> {
        match which {
            Which::Current => &mut self.current,
            Which::Candidate => &mut self.candidate,
        }
    }

    pub(super) fn connection(&mut self, id: u32) -> Option<&mut Connection> {
        let which = self.which(id)?;
        self.slot(which).as_mut()
    }

    /// A token can be asked for, and used for a candidate.
    pub(super) fn may_fetch(&self) -> bool {
        self.fetch.is_none() && self.candidate.is_none()
    }

    /// Does what the time, and what has just happened, make due. Every input ends here.
    pub(super) fn step(&mut self, now: u64) {
        self.notice_sleep(now);
        if self.phase == Phase::Running {
            self.check_deadlines(now);
            self.connect(now);
            self.read_page(now);
            self.renew(now);
            self.try_better(now);
        }
        self.tell_status();
    }

    pub(super) fn notice_sleep(&mut self, now: u64) {
        self.overslept = self.wake_at().is_some_and(|at| now > at + OVERSLEPT);
    }

    pub(super) fn check_deadlines(&mut self, now: u64) {
        if self.fetch.is_some_and(|fetch| now >= fetch.deadline) {
            self.fetch = None;
            self.no_token(now, true);
        }
        for which in [Which::Candidate, Which::Current] {
            let deadline = self.slot(which).as_ref().and_then(Connection::deadline);
            if deadline.is_some_and(|at| now >= at) {
                self.broke(now, which, Some(End::TimedOut));
            }
        }
        if let Some(current) = &self.current
            && let Renewal::Sent { deadline, .. } = current.renewal
            && now >= deadline
        {
            self.renew_later(now);
        }
    }

    pub(super) fn connect(&mut self, now: u64) {
        if self.current.is_none()
            && self.phase == Phase::Running
            && now >= self.retry_at
            && let Some(token) = self.token_since(now, 0)
        {
            self.open(now, Which::Current, self.ladder.transport(), token);
        }
    }

    pub(super) fn read_page(&mut self, now: u64) {
        let place = self.place.cursor();
        let until = now + self.options.ready_deadline;
        for which in [Which::Current, Which::Candidate] {
            if let Some(it) = self.slot(which)
                && let Page::At(at) = it.page
                && now >= at
            {
                it.page = Page::Until(until);
                let connection = it.id;

                let cursor = if it.is_skipping() { it.read_to } else { place };
                self.actions
                    .push_back(Action::ReadPage { connection, cursor });
            }
        }
    }

    pub(super) fn renew(&mut self, now: u64) {
        let Some(current) = &self.current else { return };
        let Renewal::Due { since, try_at } = current.renewal else {
            return;
        };
        let (id, transport) = (current.id, current.transport);
        if now < try_at || !self.may_fetch() {
            return;
        }
        let Some(token) = self.token_since(now, since) else {
            return;
        };
        if transport == Transport::Websocket {
            let deadline = now + self.options.refresh_deadline;
            if let Some(current) = &mut self.current {
                current.renewal = Renewal::Sent { since, deadline };
            }
            let token = token.text;
            self.actions.push_back(Action::Refresh {
                connection: id,
                token,
            });
        } else {
            // A stream cannot be refreshed: another one takes over.
            self.open(now, Which::Candidate, transport, token);
        }
    }

    pub(super) fn try_better(&mut self, now: u64) {
        let is_live = self.current.as_ref().is_some_and(Connection::is_live);
        if !is_live || !self.visible || !self.may_fetch() {
            return;
        }
        if self.better_at.is_none_or(|at| now < at) {
            return;
        }
        match self.ladder.better() {
            None => self.better_at = None,
            Some(transport) => {
                if let Some(token) = self.token_since(now, 0) {
                    self.open(now, Which::Candidate, transport, token);
                }
            }
        }
    }

    /// A token that was asked for after the number `since`, and came not too long ago; else the app is asked for one, if
    /// it is not already.
    pub(super) fn token_since(&mut self, now: u64, since: u32) -> Option<Token> {
        let young = |token: &&mut Token| {
            token.ticket > since && now < token.fetched_at + self.options.token_reuse
        };
        if let Some(token) = self.token.as_mut().filter(young) {
            let as_it_was = token.clone();
            token.used = true;
            return Some(as_it_was);
        }
        if self.fetch.is_none() {
            let ticket = self.number();
            self.fetch = Some(Fetch {
                ticket,
                deadline: now + self.options.token_deadline,
            });
            self.actions.push_back(Action::FetchToken { ticket });
        }
        None
    }

    pub(super) fn number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }

    pub(super) fn open(&mut self, now: u64, which: Which, transport: Transport, token: Token) {
        let id = self.number();
        let sent = self.place.cursor();
        let (silence, page) = match transport {
            Transport::Websocket => (self.options.socket_silence, Page::Never),
            Transport::Sse => (self.options.stream_silence, Page::Never),
            Transport::Pages => (self.options.stream_silence, Page::At(now)),
        };
        *self.slot(which) = Some(Connection {
            id,
            transport,
            sent,
            token_was_used: token.used,
            ready_deadline: now + self.options.ready_deadline,
            ready_at: None,
            heard_at: now,
            silence,
            resync_due: None,
            read_to: sent,
            to_replay: 0,
            page,
            renewal: Renewal::NotDue,
        });
        self.actions.push_back(Action::Open {
            connection: id,
            transport,
            token: token.text,
            cursor: sent,
        });
        self.read_page(now);
    }

    /// Takes a connection away, and has it closed.
    pub(super) fn cut(&mut self, now: u64, which: Which) -> Option<Connection> {
        let gone = self.slot(which).take()?;
        if gone.has_lived(now, STEADY) {
            self.backoff.reset();
        }
        if which == Which::Current && gone.has_lived(now, self.options.short_life) {
            self.ladder.held();
        }
        self.actions.push_back(Action::Close {
            connection: gone.id,
        });
        Some(gone)
    }

    pub(super) fn drop_everything(&mut self, now: u64) {
        self.cut(now, Which::Candidate);
        self.cut(now, Which::Current);
        self.fetch = None;
        self.token = None;
        self.better_at = None;
    }

    pub(super) fn tell_status(&mut self) {
        let status = self.status();
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            self.actions.push_back(Action::Status(status));
        }
    }

    /// How things stand.
    pub fn status(&self) -> Status {
        match (&self.phase, &self.current) {
            (Phase::Idle, _) => Status::of(State::Connecting),
            (Phase::Closed, _) => Status::of(State::Closed),
            (Phase::Denied, _) => Status {
                reason: self.reason.clone(),
                ..Status::of(State::Denied)
            },
            (Phase::Running, Some(current)) if current.is_ready() => Status {
                transport: Some(current.transport),
                ..Status::of(if current.is_live() {
                    State::Live
                } else {
                    State::CatchingUp
                })
            },
            (Phase::Running, current) => {
                let waits = current.is_none() && self.fetch.is_none();
                let state = if self.was_ready || self.reason.is_some() {
                    State::Offline
                } else {
                    State::Connecting
                };
                let network = Cow::Borrowed("network");
                Status {
                    reason: self
                        .reason
                        .clone()
                        .map(|told| if self.online { told } else { network }),
                    retry_at: (waits && state == State::Offline).then_some(self.retry_at),
                    ..Status::of(state)
                }
            }
        }
    }
}
