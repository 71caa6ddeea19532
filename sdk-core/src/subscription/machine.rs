use std::borrow::Cow;
use std::collections::VecDeque;

use super::action::{Action, Verdict};
use super::backoff::{Backoff, Dice};
use super::connection::{Connection, Page, Renewal};
use super::ladder::Ladder;
use super::options::Options;
use super::place::Place;
use super::status::Status;
use super::token::{Fetch, Token};
use crate::{Cursor, ResyncReason};

/// Within this time after a network or a page has come back, its clients try again.
pub(super) const RUSH: u64 = 300;
/// A connection that lived this long shows that the relay is well: the next pause is a short one again.
pub(super) const STEADY: u64 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Running,
    Denied,
    Closed,
}

/// A handshake may not ask for less patience than this, nor for more than [`MOST_SILENCE`].
const LEAST_SILENCE: u64 = 1_000;
const MOST_SILENCE: u64 = 3_600_000;

/// Which of the two connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The one whose events the app gets.
    Current,
    /// One that is to replace it as soon as it is ready: over a better transport, or with a newer token.
    Candidate,
}

/// The client's side of one session. See the [module](self).
///
/// `now` is in milliseconds, from any start, and never runs backwards; `connection` and `ticket` are the numbers that
/// the actions named. Inputs about a connection that is no longer there are ignored.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub(super) options: Options,
    pub(super) phase: Phase,
    pub(super) actions: VecDeque<Action>,
    pub(super) place: Place,
    pub(super) ladder: Ladder,
    pub(super) dice: Dice,
    /// Between attempts.
    pub(super) backoff: Backoff,
    /// Between attempts at a new token for a connection that lives.
    pub(super) renewal_backoff: Backoff,
    pub(super) current: Option<Connection>,
    pub(super) candidate: Option<Connection>,
    /// When to connect, while there is no connection.
    pub(super) retry_at: u64,
    /// When to try a better transport.
    pub(super) better_at: Option<u64>,
    pub(super) token: Option<Token>,
    pub(super) fetch: Option<Fetch>,
    pub(super) last_number: u32,
    pub(super) was_ready: bool,
    /// Why there is no connection.
    pub(super) reason: Option<Cow<'static, str>>,
    pub(super) told: Option<Status>,
    pub(super) online: bool,
    pub(super) visible: bool,
    /// The latest input came so late that silence means nothing.
    pub(super) overslept: bool,
}

impl Subscription {
    /// One that does nothing yet. `seed` decides its pauses: give each its own.
    pub fn new(options: Options, seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            actions: VecDeque::new(),
            place: Place::new(options.cursor),
            ladder: Ladder::new(&options),
            dice: Dice::new(seed),
            backoff: Backoff::new(options.first_pause, options.longest_pause),
            renewal_backoff: Backoff::new(options.first_pause, options.longest_pause),
            current: None,
            candidate: None,
            retry_at: 0,
            better_at: None,
            token: None,
            fetch: None,
            last_number: 0,
            was_ready: false,
            reason: None,
            told: None,
            online: true,
            visible: true,
            overslept: false,
            options,
        }
    }

    /// What to do next; `None` when all is done.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Up to where the app has everything; `None` until the first connection.
    pub fn cursor(&self) -> Option<Cursor> {
        self.place.cursor()
    }

    /// When to call [`wake`](Self::wake), unless something else happens before.
    pub fn wake_at(&self) -> Option<u64> {
        if self.phase != Phase::Running {
            return None;
        }
        let waits_for_token = self.fetch.is_some();
        let mut at = self.fetch.map(|fetch| fetch.deadline);
        let mut sooner = |time: Option<u64>| {
            at = match (at, time) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        };
        sooner(self.candidate.as_ref().and_then(Connection::deadline));
        match &self.current {
            None if !waits_for_token => sooner(Some(self.retry_at)),
            None => {}
            Some(current) => {
                sooner(current.deadline());
                if let Page::At(time) = current.page {
                    sooner(Some(time));
                }
                match current.renewal {
                    Renewal::Sent { deadline, .. } => sooner(Some(deadline)),
                    Renewal::Due { try_at, .. } if self.may_fetch() => sooner(Some(try_at)),
                    _ => {}
                }
                if self.may_fetch() && self.visible && current.is_live() {
                    sooner(self.better_at);
                }
            }
        }
        at
    }

    /// The time of [`wake_at`](Self::wake_at) has come.
    pub fn wake(&mut self, now: u64) {
        self.step(now);
    }

    /// Begins, or begins again after `denied`.
    pub fn start(&mut self, now: u64) {
        if matches!(self.phase, Phase::Idle | Phase::Denied) {
            self.phase = Phase::Running;
            self.retry_at = now;
            self.reason = None;
            self.was_ready = false;
            self.token = None;
            self.backoff.reset();
        }
        self.step(now);
    }

    /// Ends, for good.
    pub fn close(&mut self, now: u64) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.drop_everything(now);
            self.reason = None;
            self.step(now);
        }
    }

    /// The app gave a token.
    pub fn token(&mut self, now: u64, ticket: u32, token: &str) {
        if self.fetch.is_some_and(|fetch| fetch.ticket == ticket) {
            self.fetch = None;
            self.token = Some(Token {
                text: token.to_owned(),
                ticket,
                fetched_at: now,
                used: false,
            });
        }
        self.step(now);
    }

    /// The app could not give one. Not `retryable`: it never will.
    pub fn token_failed(&mut self, now: u64, ticket: u32, retryable: bool) {
        if self.fetch.is_some_and(|fetch| fetch.ticket == ticket) {
            self.fetch = None;
            self.no_token(now, retryable);
        }
        self.step(now);
    }

    /// The connection's transport is there, and says how long it may be silent.
    pub fn opened(&mut self, now: u64, connection: u32, silence: Option<u64>) {
        if let Some(connection) = self.connection(connection) {
            connection.heard_at = now;
            if let Some(silence) = silence {
                connection.silence = silence.clamp(LEAST_SILENCE, MOST_SILENCE);
            }
        }
        self.step(now);
    }

    /// Something came that is no message: a ping, a comment.
    pub fn heard(&mut self, now: u64, connection: u32) {
        if let Some(connection) = self.connection(connection) {
            connection.heard_at = now;
        }
        self.resync_that_never_came(connection);
        self.step(now);
    }

    /// `relay:ready`.
    pub fn ready(
        &mut self,
        now: u64,
        connection: u32,
        cursor: &str,
        recovered: bool,
        replayed: u64,
    ) {
        if let Some(which) = self.which(connection) {
            match cursor.parse() {
                Ok(cursor) => self.is_ready(now, which, cursor, recovered, replayed),
                Err(_) => self.out_of_order(now, which),
            }
        }
        self.step(now);
    }

    /// An event. Deliver it after the actions that wait, or not at all.
    pub fn event(&mut self, now: u64, connection: u32, seq: u64, cursor: &str) -> Verdict {
        let verdict = match self.which(connection) {
            Some(which) => self.take(now, which, seq, cursor),
            None => Verdict::Skip,
        };
        self.step(now);
        verdict
    }

    /// `relay:resync`, or a page's 410.
    pub fn resync(&mut self, now: u64, connection: u32, reason: ResyncReason, cursor: &str) {
        if let Some(which) = self.which(connection) {
            match cursor.parse() {
                Ok(cursor) => self.jump(now, which, reason, cursor),
                Err(_) => self.out_of_order(now, which),
            }
        }
        self.step(now);
    }

    /// The end of a page: where one stands after it, and whether more follows at once.
    pub fn page(&mut self, now: u64, connection: u32, cursor: &str, more: bool) {
        if let Some(which) = self.which(connection) {
            match cursor.parse() {
                Ok(cursor) => self.page_ends(now, which, cursor, more),
                Err(_) => self.out_of_order(now, which),
            }
        }
        self.step(now);
    }

    /// `relay:expiring`: the connection's token is about to end.
    pub fn expiring(&mut self, now: u64, connection: u32) {
        let since = self.last_number;
        if let Some(connection) = self.connection(connection) {
            connection.heard_at = now;
            if connection.renewal == Renewal::NotDue {
                let try_at = now;
                connection.renewal = Renewal::Due { since, try_at };
                self.renewal_backoff.reset();
            }
        }
        self.step(now);
    }

    /// The acknowledgement of `relay:refresh` with `expiresAt`.
    pub fn refreshed(&mut self, now: u64, connection: u32) {
        if let Some(connection) = self.connection(connection) {
            connection.renewal = Renewal::NotDue;
        }
        self.step(now);
    }

    /// The acknowledgement of `relay:refresh` with a code. The connection lives on until its token ends.
    pub fn refresh_refused(&mut self, now: u64, connection: u32) {
        if self.connection(connection).is_some() {
            self.token = None;
            self.renew_later(now);
        }
        self.step(now);
    }

    /// `relay:bye`.
    pub fn bye(&mut self, now: u64, connection: u32, code: &str, reconnect: bool, after: u64) {
        if let Some(which) = self.which(connection)
            && let Some(gone) = self.cut(now, which)
        {
            self.forget_token_after(code);
            if which == Which::Candidate {
                self.candidate_failed(now, &gone);
            } else if reconnect {
                let pause = self.pause(Some(after));
                self.lost_for(now, code, pause);
            } else {
                self.deny(now, code);
            }
        }
        self.step(now);
    }

    /// `connect_error` of the relay's own making, or an HTTP answer with a problem.
    pub fn refused(
        &mut self,
        now: u64,
        connection: u32,
        code: &str,
        retryable: bool,
        after: Option<u64>,
    ) {
        if let Some(which) = self.which(connection)
            && !self.outlived_token(now, which, code)
            && let Some(gone) = self.cut(now, which)
        {
            let was_good = gone.token_was_used || gone.has_lived(now, STEADY);
            let token_grew_old = self.forget_token_after(code) && was_good;
            if which == Which::Candidate {
                self.candidate_failed(now, &gone);
            } else if token_grew_old {
                self.lost_for(now, code, 0);
            } else if retryable {
                let pause = self.pause(after);
                self.lost_for(now, code, pause);
            } else {
                self.deny(now, code);
            }
        }
        self.step(now);
    }

    /// The connection is gone, or could not be made.
    pub fn lost(&mut self, now: u64, connection: u32) {
        self.notice_sleep(now);
        if let Some(which) = self.which(connection) {
            self.broke(now, which, None);
        }
        self.step(now);
    }

    /// The browser says whether there is a network. Coming back ends the pause.
    pub fn network(&mut self, now: u64, online: bool) {
        if online && !self.online {
            self.hurry(now);
        }
        self.online = online;
        self.step(now);
    }

    /// Whether anybody can see the page. Being looked at again ends the pause.
    pub fn visible(&mut self, now: u64, visible: bool) {
        if visible && !self.visible {
            self.hurry(now);
        }
        self.visible = visible;
        self.step(now);
    }
}
