//! One connection: its stream, its outbox, and what it is waiting for.
//!
//! ```text
//!            CONNECT           joined             bye, or a fault         peer gone
//!  Opening ──────────▶ Joining ──────▶ Member ──────────────────▶ Closing ─────────▶ Closed
//!     └───────────────────┴── refused, too late, a fault ──────────▲   └── deadline ──▲
//! ```
//!
//! Closing sends what is queued, says that nothing follows (`SHUT_WR`) and waits for the peer's end:
//! to drop the stream at once would let a reset overtake `relay:bye`.
//!
//! Three come here: the task that reads and catches up ([`task`](super::task)), the pump that offers
//! events, and the wheel that looks at deadlines. `state` is the outbox's lock of the lock order.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use engineioxide_core::{Packet as EnginePacket, Sid};
use forge_relay_core::message::{self, Bye, Expiring};
use forge_relay_core::{Code, Cursor, ResyncReason};
use parking_lot::{Mutex, MutexGuard};

use super::Sockets;
use super::frame::{Fault, Opcode, close, close_frame, whole};
use super::packet;
use super::stream::Stream;
use super::wheel::{Millis, Timed};
use crate::session::{Batch, Frame, Joined, Link, Outbox, Progress, Reader, Run, Seat, Session};
use crate::store::AppIndex;

/// How long a connection that has sent everything waits for the peer's end.
const LINGER: Millis = 2_000;
/// Over how long the least rate of a reader is measured.
const RATE_WINDOW: Millis = 10_000;

/// What a member is: of one account, in one session.
pub(super) struct Member {
    pub(super) session: Arc<Session>,
    pub(super) seat: Seat,
    pub(super) app: AppIndex,
    pub(super) account: Box<str>,
    /// The token's times, in Unix seconds.
    pub(super) issued_at: i64,
    pub(super) expires_at: i64,
    /// Whether `relay:expiring` was sent for this token.
    pub(super) warned: bool,
}

pub(super) enum Phase {
    /// It has until `by` to send CONNECT.
    Opening {
        by: Millis,
        origin: Option<Box<str>>,
    },
    /// Its CONNECT was in order; the session is being looked up.
    Joining {
        by: Millis,
    },
    Member(Member),
    /// The last packets are queued; `finished` when they are sent.
    Closing {
        by: Millis,
        finished: bool,
    },
    Closed,
}

/// The write that a client does not take.
#[derive(Clone, Copy)]
struct Stall {
    /// When the client last took something.
    progress_at: Millis,
    /// The window over which the rate is measured: its beginning, and what was handed over by then.
    window_at: Millis,
    window_handed: u32,
}

pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) phase: Phase,
    /// Wakes the task.
    waker: Option<Waker>,
    /// When the next ping is due, or the pong to the last one.
    ping_at: Millis,
    awaiting_pong: bool,
    /// When the wheel looks at this connection next.
    armed: Millis,
    stall: Option<Stall>,
    /// Messages that the client may send now, in thousandths, and as of when.
    credit: u32,
    credit_at: Millis,
    /// Reading waits until then.
    paused_until: Option<Millis>,
    /// What of `outbox` is counted in the totals: bytes queued, bytes and events handed over.
    counted_queued: usize,
    counted_handed: u32,
}

/// See the module.
pub(crate) struct Connection {
    pub(super) sockets: Arc<Sockets>,
    pub(super) stream: Stream,
    pub(super) sid: Sid,
    /// Its place in the registry.
    pub(super) key: usize,
    /// For the wheel.
    me: Weak<Self>,
    state: Mutex<State>,
}

/// Writes from any thread.
struct Direct<'a>(&'a Connection);
/// Writes from the connection's own task, which then can wait for the stream.
struct AsTask<'a>(&'a Connection);

impl Link for Direct<'_> {
    fn send(&self, run: Run<'_>) -> std::io::Result<usize> {
        self.0.stream.send(run)
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.0.resync(reason, cursor)
    }
}

impl Link for AsTask<'_> {
    fn send(&self, run: Run<'_>) -> std::io::Result<usize> {
        self.0.stream.send_as_task(run)
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.0.resync(reason, cursor)
    }
}

impl Reader for Connection {
    fn offer(&self, batch: &Batch<'_>) {
        let mut state = self.state.lock();
        match state.outbox.offer(batch, &Direct(self)) {
            Progress::Done => {}
            Progress::Blocked | Progress::More => self.blocked(&mut state),
            Progress::Broken => self.cut(&mut state),
        }
    }
}

/// What the task is to do with the stream's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    /// Read and understand.
    Messages,
    /// Read nothing for now.
    Nothing,
    /// Read until the end, and forget.
    TheEnd,
    /// It is over.
    Closed,
}

impl Connection {
    pub(super) fn new(
        sockets: Arc<Sockets>,
        stream: Stream,
        key: usize,
        origin: Option<Box<str>>,
        me: Weak<Self>,
    ) -> Self {
        let now = sockets.wheel.now();
        let limits = &sockets.limits;
        let state = State {
            outbox: Outbox::default(),
            phase: Phase::Opening {
                by: now + limits.handshake_deadline,
                origin,
            },
            waker: None,
            ping_at: now + limits.ping_interval,
            awaiting_pong: false,
            armed: Millis::MAX,
            stall: None,
            credit: limits.messages_per_second * 1000,
            credit_at: now,
            paused_until: None,
            counted_queued: 0,
            counted_handed: 0,
        };
        Self {
            sockets,
            stream,
            sid: Sid::new(),
            key,
            me,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.sockets.metrics.resync(reason.as_str());
        packet::resync(&message::Resync { reason, cursor })
    }

    // ---- sending ----

    /// Sends a control packet, in order.
    pub(super) fn control(self: &Arc<Self>, packet: Frame) {
        self.send(&mut self.state(), packet);
    }

    pub(super) fn send(&self, state: &mut State, packet: Frame) {
        if matches!(state.phase, Phase::Closed | Phase::Closing { .. }) {
            return;
        }
        let was_behind = state.outbox.behind();
        match state
            .outbox
            .control(packet, self.sockets.limits.outbox, &Direct(self))
        {
            Progress::Done => {}
            Progress::Blocked | Progress::More if was_behind => self.count(state),
            Progress::Blocked | Progress::More => self.blocked(state),
            Progress::Broken => self.cut(state),
        }
    }

    /// The client did not take what it was sent: its task goes on, and has deadlines for that.
    fn blocked(&self, state: &mut State) {
        self.stalled(state);
        self.count(state);
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
    }

    /// Starts the deadlines of a write that waits.
    fn stalled(&self, state: &mut State) {
        if state.stall.is_some() {
            return;
        }
        let now = self.sockets.wheel.now();
        let handed = state.outbox.handed();
        state.stall = Some(Stall {
            progress_at: now,
            window_at: now,
            window_handed: handed,
        });
        self.sockets.metrics.clients_behind.inc();
        self.arm_now(state);
    }

    /// Brings the totals up to date.
    fn count(&self, state: &mut State) {
        let queued = state.outbox.queued();
        self.sockets.count_queued(state.counted_queued, queued);
        state.counted_queued = queued;
        let bytes = state.outbox.handed().wrapping_sub(state.counted_handed);
        state.counted_handed = state.outbox.handed();
        self.sockets
            .metrics
            .delivered_bytes
            .inc_by(u64::from(bytes));
        self.sockets
            .metrics
            .deliveries
            .inc_by(state.outbox.take_delivered());
    }

    /// The task's turn to write: what is queued, then the log from the connection's place.
    pub(super) fn drive(self: &Arc<Self>, cx: &mut Context<'_>) {
        loop {
            let mut state = self.state();
            if matches!(state.phase, Phase::Closed) {
                return;
            }
            if !state.outbox.behind() {
                return self.caught_up(&mut state);
            }
            let State { outbox, phase, .. } = &mut *state;
            let log = match phase {
                Phase::Member(member) => Some(member.session.log()),
                _ => None,
            };
            let before = outbox.handed();
            let progress = outbox.drive(log, self.sockets.limits.catch_up_write, &AsTask(self));
            let progressed = outbox.handed() != before;
            if progressed && let Some(stall) = &mut state.stall {
                stall.progress_at = self.sockets.wheel.now();
            }
            self.count(&mut state);
            match progress {
                Progress::Done => return self.caught_up(&mut state),
                Progress::More => {
                    cx.waker().wake_by_ref();
                    return;
                }
                Progress::Blocked => match self.stream.poll_send(cx) {
                    Poll::Pending => return self.stalled(&mut state),
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return self.cut(&mut state),
                },
                Progress::Broken => return self.cut(&mut state),
            }
        }
    }

    /// Everything is handed over.
    fn caught_up(&self, state: &mut State) {
        if state.stall.take().is_some() {
            self.sockets.metrics.clients_behind.dec();
        }
        if let Phase::Closing { by, finished } = &mut state.phase
            && !*finished
        {
            *finished = true;
            *by = self.sockets.wheel.now() + LINGER;
            self.stream.finish();
            self.arm_now(state);
        }
    }

    // ---- the phases ----

    /// Takes the CONNECT up: from here on no other is accepted. Answers the page's origin.
    pub(super) fn begin_joining(&self) -> Option<Option<Box<str>>> {
        let mut state = self.state();
        let Phase::Opening { by, origin } = &mut state.phase else {
            return None;
        };
        let (by, origin) = (*by, origin.take());
        state.phase = Phase::Joining { by };
        Some(origin)
    }

    /// The session has a seat for it: tells the client where it starts, and goes on from there.
    pub(super) fn enter(self: &Arc<Self>, member: Member, joined: &Joined) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Joining { .. }) {
            drop(state);
            return member.session.leave(member.seat);
        }
        let ready = message::Ready {
            session_id: member.session.key().id.clone(),
            connection_id: self.sid.as_str().to_owned(),
            cursor: joined.cursor,
            recovered: joined.recovered,
            replayed: joined.replayed,
            expires_at: Some(member.expires_at),
        };
        state.outbox.join(joined);
        state.outbox.enqueue(packet::connected(self.sid));
        state.outbox.enqueue(packet::ready(&ready));
        if let Some(reason) = joined.resync {
            state.outbox.enqueue(self.resync(reason, joined.cursor));
        }
        state.phase = Phase::Member(member);
        self.sockets.metrics.connected_clients.inc();
        self.arm_now(&mut state);
    }

    /// Ends the connection in order, with `relay:bye` where the client is a member.
    pub(crate) fn bye(self: &Arc<Self>, code: Code, reason: &str, reconnect: bool, after_ms: u64) {
        let bye = Bye {
            code,
            reason: reason.to_owned(),
            reconnect,
            after_ms,
        };
        self.close_with(close::NORMAL, code.as_str(), Some(&bye));
    }

    /// The client broke a rule of Socket.IO, or of the relay.
    pub(super) fn bad_message(self: &Arc<Self>, why: &str) {
        self.bye(Code::BadMessage, why, false, 0);
    }

    /// The client broke the WebSocket protocol: no bye, the close code says it.
    pub(super) fn fault(self: &Arc<Self>, fault: Fault) {
        self.close_with(fault.code, fault.why, None);
    }

    /// Closes, after `bye` where there is one and the client is a member.
    pub(super) fn close_with(self: &Arc<Self>, code: u16, why: &str, bye: Option<&Bye>) {
        let mut state = self.state();
        if let (Some(bye), Phase::Member(_)) = (bye, &state.phase) {
            self.send(&mut state, packet::bye(bye));
            if !bye.reconnect {
                self.send(&mut state, packet::disconnect());
            }
            self.sockets.metrics.bye(bye.code.as_str());
            self.sockets.metrics.error(bye.code.as_str());
        }
        self.send(&mut state, close_frame(code, why));
        self.end(state, false);
    }

    /// Goes on to Closing, or to Closed when the stream is `gone`.
    fn end(&self, mut state: MutexGuard<'_, State>, gone: bool) {
        let closing = matches!(state.phase, Phase::Closing { .. });
        if matches!(state.phase, Phase::Closed) || (closing && !gone) {
            return;
        }
        let by = self.sockets.wheel.now() + self.sockets.limits.write_deadline;
        let next = if gone {
            Phase::Closed
        } else {
            Phase::Closing {
                by,
                finished: false,
            }
        };
        let before = std::mem::replace(&mut state.phase, next);
        if gone {
            self.count(&mut state);
            state.outbox = Outbox::default();
            state.counted_handed = 0;
            self.count(&mut state);
            if state.stall.take().is_some() {
                self.sockets.metrics.clients_behind.dec();
            }
        } else {
            state.outbox.leave();
            if !state.outbox.behind() {
                self.caught_up(&mut state);
            }
            self.arm_now(&mut state);
        }
        drop(state);
        if let Phase::Member(member) = before {
            self.sockets.metrics.connected_clients.dec();
            member.session.leave(member.seat);
        }
    }

    /// The stream has ended.
    pub(super) fn gone(&self) {
        self.end(self.state(), true);
    }

    /// Ends the stream of a client that does not take what it is sent. The task then finds its end.
    pub(super) fn cut(&self, state: &mut State) {
        self.stream.cut();
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
    }

    /// How long the client has taken nothing, if it is stalled.
    pub(super) fn stalled_for(&self) -> Option<(Millis, usize)> {
        let state = self.state();
        let now = self.sockets.wheel.now();
        state
            .stall
            .map(|stall| (now.saturating_sub(stall.progress_at), state.outbox.queued()))
    }

    // ---- reading ----

    pub(super) fn attend(&self, cx: &Context<'_>) -> Appetite {
        let mut state = self.state();
        if !state
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            state.waker = Some(cx.waker().clone());
        }
        match state.phase {
            Phase::Closed => Appetite::Closed,
            Phase::Closing { .. } => Appetite::TheEnd,
            _ if state.paused_until.is_some() => Appetite::Nothing,
            _ => Appetite::Messages,
        }
    }

    /// Takes the price of one message; false where the client has to wait before the next.
    pub(super) fn spend(&self) -> bool {
        let mut state = self.state();
        let rate = self.sockets.limits.messages_per_second;
        let now = self.sockets.wheel.now();
        let earned = now
            .saturating_sub(state.credit_at)
            .saturating_mul(u64::from(rate));
        let credit = u64::from(state.credit)
            .saturating_add(earned)
            .min(u64::from(rate) * 1000);
        state.credit = u32::try_from(credit)
            .unwrap_or(u32::MAX)
            .saturating_sub(1000);
        state.credit_at = now;
        if state.credit >= 1000 {
            return true;
        }
        // Not refused: TCP holds the rest back until it may come.
        let wait = u64::from(1000 - state.credit) / u64::from(rate.max(1)) + 1;
        state.paused_until = Some(now + wait);
        self.arm_now(&mut state);
        false
    }

    /// The Engine.IO pong.
    pub(super) fn pong(&self) {
        let mut state = self.state();
        if state.awaiting_pong {
            state.awaiting_pong = false;
            // The next ping is due one interval after the last one, which was `ping_timeout` before.
            let limits = &self.sockets.limits;
            state.ping_at = state.ping_at - limits.ping_timeout + limits.ping_interval;
            self.arm_now(&mut state);
        }
    }

    /// The WebSocket ping: RFC 6455 §5.5.2.
    pub(super) fn answer_ping(self: &Arc<Self>, payload: &[u8]) {
        self.control(whole(Opcode::Pong, payload));
    }

    // ---- deadlines ----

    /// Enters the wheel where the next deadline is nearer than what it knows.
    pub(super) fn arm_now(&self, state: &mut State) {
        let at = self.next_deadline(state);
        if at < state.armed {
            state.armed = at;
            self.sockets.wheel.enter(self.me.clone(), at);
        }
    }

    fn next_deadline(&self, state: &State) -> Millis {
        let limits = &self.sockets.limits;
        let mut at = Millis::MAX;
        let mut no_later = |deadline: Millis| at = at.min(deadline);
        match &state.phase {
            Phase::Opening { by, .. } | Phase::Joining { by } | Phase::Closing { by, .. } => {
                no_later(*by)
            }
            Phase::Member(member) => no_later(self.sockets.at_unix(self.token_deadline(member))),
            Phase::Closed => return Millis::MAX,
        }
        if !matches!(state.phase, Phase::Closing { .. }) {
            no_later(state.ping_at);
        }
        if let Some(stall) = &state.stall {
            no_later(stall.progress_at + limits.write_deadline);
            no_later(stall.window_at + RATE_WINDOW);
        }
        if let Some(until) = state.paused_until {
            no_later(until);
        }
        at
    }

    /// When the token needs attention next, in Unix milliseconds.
    fn token_deadline(&self, member: &Member) -> i64 {
        if member.warned {
            (member.expires_at + self.sockets.limits.token_leeway) * 1000
        } else {
            warn_at(member) * 1000
        }
    }

    fn look_at_token(self: &Arc<Self>, state: &mut State) -> bool {
        let Phase::Member(member) = &mut state.phase else {
            return false;
        };
        let now = super::unix_millis();
        if now >= (member.expires_at + self.sockets.limits.token_leeway) * 1000 {
            return true;
        }
        if !member.warned && now >= warn_at(member) * 1000 {
            member.warned = true;
            let expires_at = member.expires_at;
            let in_seconds = (expires_at - now.div_euclid(1000)).max(0);
            self.send(
                state,
                packet::expiring(&Expiring {
                    expires_at,
                    in_seconds,
                }),
            );
        }
        false
    }

    fn look_at_stall(&self, state: &mut State, now: Millis) -> bool {
        let limits = &self.sockets.limits;
        let handed = state.outbox.handed();
        let Some(stall) = &mut state.stall else {
            return false;
        };
        if now >= stall.progress_at + limits.write_deadline {
            return true;
        }
        if now >= stall.window_at + RATE_WINDOW {
            let took = u64::from(handed.wrapping_sub(stall.window_handed));
            let least = u64::from(limits.least_rate) * (now - stall.window_at) / 1000;
            if took < least {
                return true;
            }
            stall.window_at = now;
            stall.window_handed = handed;
        }
        false
    }

    /// Pings, or finds that the last ping was not answered.
    fn look_at_ping(&self, state: &mut State, now: Millis) -> bool {
        let limits = &self.sockets.limits;
        if now < state.ping_at || matches!(state.phase, Phase::Closing { .. }) {
            return false;
        }
        if !state.awaiting_pong {
            state.awaiting_pong = true;
            state.ping_at = now + limits.ping_timeout;
            self.send(state, packet::engine(EnginePacket::Ping));
            return false;
        }
        // A client that is still taking what was sent before the ping is alive: the write deadline
        // and the least rate decide about it.
        if state.stall.is_some() {
            state.ping_at = now + limits.ping_timeout;
            return false;
        }
        true
    }
}

/// When `relay:expiring` is due, in Unix seconds: 60 s before the end, or at half the token's life
/// if that is later.
fn warn_at(member: &Member) -> i64 {
    let half = member.issued_at + (member.expires_at - member.issued_at) / 2;
    half.max(member.expires_at - 60)
}

impl Timed for Connection {
    fn due(self: Arc<Self>, now: Millis) {
        let mut state = self.state();
        if now < state.armed || matches!(state.phase, Phase::Closed) {
            return; // an entry that a nearer one has replaced
        }
        state.armed = Millis::MAX;
        self.count(&mut state);
        if state.paused_until.is_some_and(|until| now >= until) {
            state.paused_until = None;
            if let Some(waker) = &state.waker {
                waker.wake_by_ref();
            }
        }
        match &state.phase {
            Phase::Opening { by, .. } | Phase::Joining { by } if now >= *by => {
                drop(state);
                let why = "CONNECT did not come in time";
                return self.close_with(close::POLICY, why, None);
            }
            Phase::Closing { by, .. } if now >= *by => return self.cut(&mut state),
            _ => {}
        }
        if self.look_at_stall(&mut state, now) {
            self.sockets.metrics.slow_clients_cut.inc();
            tracing::info!(sid = %self.sid, "cut a client that takes too little");
            return self.cut(&mut state);
        }
        if self.look_at_ping(&mut state, now) {
            tracing::debug!(sid = %self.sid, "no pong: the client is gone");
            return self.cut(&mut state);
        }
        if self.look_at_token(&mut state) {
            drop(state);
            let reason = "the token has expired: connect again with a new one";
            return self.bye(Code::TokenExpired, reason, true, 0);
        }
        self.arm_now(&mut state);
    }
}
