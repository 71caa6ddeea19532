//! One connection: its transport, its outbox, and what it is waiting for.
//!
//! ```text
//!            let in              the last packet         peer gone
//!  Opening ──────────▶ Open ──────────────────▶ Closing ─────────▶ Closed
//!     └── too late, refused, a fault ──────────────▲   └── deadline ──▲
//! ```
//!
//! Closing sends what is queued, says that nothing follows (`SHUT_WR`) and waits for the peer's end:
//! to drop the stream at once would let a reset overtake `relay:bye`.
//!
//! Four come here: the task that reads and catches up ([`task`](super::task)), HTTP requests where it
//! polls ([`polling`](super::polling)), the pump that offers events, and the wheel that looks at
//! deadlines. `state` is the outbox's lock of the lock order.

use std::io;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use engineioxide_core::{Packet as EnginePacket, Sid};
use forge_relay_core::message::Resync;
use forge_relay_core::{Cursor, ResyncReason};
use parking_lot::{Mutex, MutexGuard};

use super::Sockets;
use super::frame::{Fault, Opcode, close, close_frame, whole};
use super::membership::Member;
use super::packet;
use super::polling::Polling;
use super::stream::Stream;
use super::wheel::{LATE, Timed};
use crate::session::{Batch, Frame, Link, Outbox, Progress, Reader, Run};
use crate::stall::{Millis, Stall};

/// How long a connection that has sent everything waits for the peer's end.
const LINGER: Millis = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has until `by` to be let in.
    Opening {
        by: Millis,
    },
    Open,
    /// The last packets are queued; `finished` when they are sent.
    Closing {
        by: Millis,
        finished: bool,
    },
    Closed,
}

/// What a connection begins on.
pub(super) enum Carrier {
    Stream(Stream),
    Polls(Box<Polling>),
}

pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) phase: Phase,
    /// The account and session, once it is let in.
    pub(super) member: Option<Member>,
    /// The page that opened it, until it is let in.
    pub(super) origin: Option<Box<str>>,
    /// There as long as it polls; then the stream is the transport.
    pub(super) polling: Option<Box<Polling>>,
    /// Wakes whoever writes: the task, or the poll that waits.
    pub(super) waker: Option<Waker>,
    /// When the next ping is due, or the pong to the last one.
    ping_at: Millis,
    awaiting_pong: bool,
    /// When the wheel looks at this connection next.
    armed: Millis,
    stall: Option<Stall>,
    /// Its transport was ended: whoever owns it is about to find that.
    pub(super) cut: bool,
    /// Messages that the client may send now, in thousandths, and as of when.
    credit: u32,
    credit_at: Millis,
    /// Reading waits until then.
    paused_until: Option<Millis>,
    /// What of `outbox` is counted in the totals: bytes queued, and bytes handed over.
    counted_queued: usize,
    counted_handed: u32,
}

/// See the module.
pub(crate) struct Connection {
    pub(super) sockets: Arc<Sockets>,
    /// There from the beginning, or from the upgrade on.
    pub(super) stream: OnceLock<Stream>,
    pub(super) sid: Sid,
    /// Its place in the registry.
    pub(super) key: usize,
    /// For the wheel.
    me: Weak<Self>,
    state: Mutex<State>,
}

/// Writes from any thread.
struct Direct<'a> {
    connection: &'a Connection,
    /// Where it polls, nothing goes out but by a poll.
    polls: bool,
}

/// Writes from the connection's own task, which then can wait for the stream.
struct AsTask<'a>(&'a Connection);

impl Link for Direct<'_> {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        match self.connection.stream.get() {
            Some(stream) if !self.polls => stream.send(run),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.connection.resync(reason, cursor)
    }
}

impl Link for AsTask<'_> {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        match self.0.stream.get() {
            Some(stream) => stream.send_as_task(run),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.0.resync(reason, cursor)
    }
}

impl Reader for Connection {
    fn offer(&self, batch: &Batch<'_>) {
        let mut state = self.state.lock();
        let link = self.direct(&state);
        match state.outbox.offer(batch, &link) {
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
        carrier: Carrier,
        key: usize,
        origin: Option<Box<str>>,
        me: Weak<Self>,
    ) -> Self {
        let now = sockets.wheel.now();
        let limits = &sockets.limits;
        let (stream, polling) = match carrier {
            Carrier::Stream(stream) => (OnceLock::from(stream), None),
            Carrier::Polls(polling) => (OnceLock::new(), Some(polling)),
        };
        let state = State {
            outbox: Outbox::default(),
            phase: Phase::Opening {
                by: now + limits.handshake_deadline,
            },
            member: None,
            origin,
            polling,
            waker: None,
            ping_at: now + limits.ping_interval,
            awaiting_pong: false,
            armed: Millis::MAX,
            stall: None,
            cut: false,
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

    fn direct(&self, state: &State) -> Direct<'_> {
        Direct {
            connection: self,
            polls: state.polling.is_some(),
        }
    }

    pub(super) fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.sockets.metrics.resync(reason.as_str());
        packet::resync(&Resync { reason, cursor })
    }

    // ---- sending ----

    /// Sends a packet, in order.
    pub(crate) fn control(&self, packet: Frame) {
        self.send(&mut self.state(), packet);
    }

    pub(super) fn send(&self, state: &mut State, packet: Frame) {
        if matches!(state.phase, Phase::Closed | Phase::Closing { .. }) {
            return;
        }
        let was_behind = state.outbox.behind();
        let link = self.direct(state);
        match state
            .outbox
            .control(packet, self.sockets.limits.outbox, &link)
        {
            Progress::Done => {}
            Progress::Blocked | Progress::More if was_behind => {
                self.count(state);
                self.unpolled(state);
            }
            Progress::Blocked | Progress::More => self.blocked(state),
            Progress::Broken => self.cut(state),
        }
    }

    /// The client did not take what it was sent: its task goes on, and has deadlines for that.
    fn blocked(&self, state: &mut State) {
        self.stalled(state);
        self.count(state);
        state.wake();
    }

    /// Starts the deadlines of what waits and is not taken. Where the client polls, that is so while no
    /// poll is here; before they begin, the client has the time that its last answer may take.
    fn stalled(&self, state: &mut State) {
        if state.stall.is_some() {
            return;
        }
        let now = self.sockets.wheel.now();
        let since = match &state.polling {
            Some(polling) if polling.takes() => return,
            Some(polling) => now.max(polling.busy_until),
            None => now,
        };
        state.stall = Some(Stall::new(since, state.outbox.handed()));
        self.sockets.metrics.clients_behind.inc();
        self.arm_now(state);
    }

    /// Whether something waits for a client that should poll for it.
    pub(super) fn unpolled(&self, state: &mut State) {
        if state.polling.is_some() && state.outbox.behind() {
            self.stalled(state);
        }
    }

    /// The client takes what there is.
    pub(super) fn unstalled(&self, state: &mut State) {
        if state.stall.take().is_some() {
            self.sockets.metrics.clients_behind.dec();
        }
    }

    /// Brings the totals up to date.
    pub(super) fn count(&self, state: &mut State) {
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
    pub(super) fn drive(&self, cx: &mut Context<'_>) {
        let Some(stream) = self.stream.get() else {
            return;
        };
        loop {
            let mut state = self.state();
            if matches!(state.phase, Phase::Closed) {
                return;
            }
            if !state.outbox.behind() {
                return self.caught_up(&mut state);
            }
            let before = state.outbox.handed();
            let progress = self.drive_with(&mut state, &AsTask(self));
            if state.outbox.handed() != before
                && let Some(stall) = &mut state.stall
            {
                stall.progress(self.sockets.wheel.now());
            }
            match progress {
                Progress::Done => return self.caught_up(&mut state),
                Progress::More => {
                    cx.waker().wake_by_ref();
                    return;
                }
                Progress::Blocked => match stream.poll_send(cx) {
                    Poll::Pending => return self.stalled(&mut state),
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return self.cut(&mut state),
                },
                Progress::Broken => return self.cut(&mut state),
            }
        }
    }

    /// Hands over what `link` takes.
    pub(super) fn drive_with(&self, state: &mut State, link: &impl Link) -> Progress {
        let State { outbox, member, .. } = state;
        let log = member.as_ref().map(|member| member.session.log());
        let progress = outbox.drive(log, self.sockets.limits.catch_up_write, link);
        self.count(state);
        progress
    }

    /// Everything is handed over.
    pub(super) fn caught_up(&self, state: &mut State) {
        self.unstalled(state);
        if let Phase::Closing { by, finished } = &mut state.phase
            && !*finished
        {
            *finished = true;
            *by = self.sockets.wheel.now() + LINGER;
            if let Some(stream) = self.stream.get() {
                stream.finish();
            }
            self.arm_now(state);
        }
    }

    // ---- the phases ----

    /// The client is let in: it has no deadline any more.
    pub(super) fn open(&self, state: &mut State) {
        if matches!(state.phase, Phase::Opening { .. }) {
            state.phase = Phase::Open;
            self.arm_now(state);
        }
    }

    /// The client broke the WebSocket protocol: the close code says it.
    pub(super) fn fault(&self, fault: Fault) {
        self.close_with(fault.code, fault.why);
    }

    /// Sends the transport's own end, and goes on to Closing.
    pub(crate) fn close_with(&self, code: u16, why: &str) {
        let mut state = self.state();
        let last = if state.polling.is_some() {
            packet::engine(EnginePacket::Close)
        } else {
            close_frame(code, why)
        };
        self.send(&mut state, last);
        self.end(state, false);
    }

    /// Closes in order, with nothing more to say.
    pub(crate) fn close(&self) {
        self.close_with(close::NORMAL, "");
    }

    /// Goes on to Closing, or to Closed when the client is `gone`.
    fn end(&self, mut state: MutexGuard<'_, State>, gone: bool) {
        let closing = matches!(state.phase, Phase::Closing { .. });
        if matches!(state.phase, Phase::Closed) || (closing && !gone) {
            return;
        }
        let member = state.member.take();
        state.origin = None;
        if gone {
            state.phase = Phase::Closed;
            self.count(&mut state);
            state.outbox = Outbox::default();
            state.counted_handed = 0;
            self.count(&mut state);
            self.unstalled(&mut state);
        } else {
            let by = self.sockets.wheel.now() + self.sockets.limits.stall.write_deadline;
            state.phase = Phase::Closing {
                by,
                finished: false,
            };
            state.outbox.leave();
            if !state.outbox.behind() {
                self.caught_up(&mut state);
            }
            self.arm_now(&mut state);
        }
        state.wake();
        drop(state);
        if let Some(member) = member {
            self.sockets.metrics.connected_clients.dec();
            member.session.leave(member.seat);
        }
    }

    /// The client has gone.
    pub(super) fn gone(&self) {
        self.end(self.state(), true);
    }

    /// Ends the transport of a client that does not take what it is sent, or does not answer. Whoever
    /// waits for it finds its end.
    pub(super) fn cut(&self, state: &mut State) {
        state.cut = true;
        match self.stream.get() {
            Some(stream) => stream.cut(),
            // Nobody owns a connection that polls: the wheel takes it away.
            None => self.sockets.bury(self.key),
        }
        state.wake();
    }

    /// How long the client has taken nothing, if it is stalled.
    pub(super) fn stalled_for(&self) -> Option<(Millis, usize)> {
        let state = self.state();
        let now = self.sockets.wheel.now();
        state
            .stall
            .map(|stall| (stall.lasted(now), state.outbox.queued()))
    }

    // ---- reading ----

    pub(super) fn attend(&self, cx: &Context<'_>) -> Appetite {
        let mut state = self.state();
        state.wake_with(cx);
        match state.phase {
            Phase::Closed => Appetite::Closed,
            Phase::Closing { .. } => Appetite::TheEnd,
            _ if state.paused_until.is_some() => Appetite::Nothing,
            _ => Appetite::Messages,
        }
    }

    /// Takes the price of one message; otherwise how long the client has to wait before the next.
    pub(super) fn spend(&self) -> Result<(), Millis> {
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
            return Ok(());
        }
        // Not refused: TCP holds the rest back until it may come.
        let wait = u64::from(1000 - state.credit) / u64::from(rate.max(1)) + 1;
        if state.polling.is_none() {
            state.paused_until = Some(now + wait);
            self.arm_now(&mut state);
        }
        Err(wait)
    }

    /// The Engine.IO pong.
    pub(super) fn pong(&self) {
        let mut state = self.state();
        if state.awaiting_pong {
            state.awaiting_pong = false;
            // One interval after the last ping, which was `ping_timeout` before its pong's deadline.
            let limits = &self.sockets.limits;
            let pinged_at = state.ping_at.saturating_sub(limits.ping_timeout);
            state.ping_at = pinged_at + limits.ping_interval;
            self.arm_now(&mut state);
        }
    }

    /// The WebSocket ping: RFC 6455 §5.5.2.
    pub(super) fn answer_ping(&self, payload: &[u8]) {
        self.control(whole(Opcode::Pong, payload));
    }

    // ---- deadlines ----

    /// Enters the wheel where the next deadline is nearer than what it knows.
    pub(super) fn arm_now(&self, state: &mut State) {
        let at = self.next_deadline(state);
        if at < state.armed {
            state.armed = self.sockets.wheel.enter(self.me.clone(), at);
        }
    }

    fn next_deadline(&self, state: &State) -> Millis {
        let mut at = Millis::MAX;
        let mut no_later = |deadline: Millis| at = at.min(deadline);
        match state.phase {
            Phase::Opening { by } | Phase::Closing { by, .. } => no_later(by),
            Phase::Open => {}
            Phase::Closed => return Millis::MAX,
        }
        if let Some(member) = &state.member {
            no_later(self.sockets.token_deadline(member));
        }
        if !matches!(state.phase, Phase::Closing { .. }) {
            no_later(state.ping_at);
        }
        if let Some(stall) = &state.stall {
            no_later(stall.deadline(self.sockets.limits.stall));
        }
        if let Some(until) = state.paused_until {
            no_later(until);
        }
        at
    }

    fn look_at_stall(&self, state: &mut State, now: Millis) -> bool {
        let handed = state.outbox.handed();
        let limits = self.sockets.limits.stall;
        state
            .stall
            .as_mut()
            .is_some_and(|stall| stall.is_over(now, handed, limits))
    }

    /// Pings, or finds that the last ping was not answered.
    fn look_at_ping(&self, state: &mut State, now: Millis) -> bool {
        let limits = &self.sockets.limits;
        if now < state.ping_at || matches!(state.phase, Phase::Closing { .. }) {
            return false;
        }
        if !state.awaiting_pong {
            state.awaiting_pong = true;
            // Counted from when the ping was due: the wheel may be a tick late, the contract is not.
            // Where it is later than that the machine is busy, and the client gets all of the time.
            let due = state.ping_at;
            let late = now - due > LATE.min(limits.ping_timeout / 2);
            state.ping_at = if late { now } else { due } + limits.ping_timeout;
            self.send(state, packet::engine(EnginePacket::Ping));
            return false;
        }
        // A client that is still taking what was sent before the ping is alive: the write deadline
        // and the least rate decide about it. One that polls would have seen the ping.
        if state.stall.is_some() && state.polling.is_none() {
            state.ping_at = now + limits.ping_timeout;
            return false;
        }
        true
    }
}

impl State {
    /// Wakes whoever writes.
    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Has this task woken from now on.
    pub(super) fn wake_with(&mut self, cx: &Context<'_>) {
        if !self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
        }
    }
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
            state.wake();
        }
        match state.phase {
            Phase::Opening { by } if now >= by => {
                drop(state);
                return self.close_with(close::POLICY, "CONNECT did not come in time");
            }
            Phase::Closing { by, .. } if now >= by => return self.cut(&mut state),
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
            return self.token_expired();
        }
        self.arm_now(&mut state);
    }
}
