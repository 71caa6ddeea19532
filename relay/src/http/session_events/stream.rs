//! A stream: one plain HTTP answer that goes on, with the place and the outbox that a socket has.
//!
//! ```text
//!   pump: offer ──▶ behind, wake ──▶ hyper asks the body ──▶ drive: queue, then the log ──▶ a chunk of text
//! ```
//!
//! The pump writes nothing itself: what goes out is hyper's to write. Its offer puts the reader behind and
//! wakes the connection's task, which takes from the log as much as hyper has room for. A client that does not
//! read leaves hyper without room, and so stays where it is in the log; the line below it has the deadline.
//!
//! A stream cannot be refreshed: who is told `relay:expiring` fetches a new token and opens another stream with it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forge_relay_core::message::{Bye, Expiring, Ready, Resync};
use forge_relay_core::{Code, Cursor, ResyncReason};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use super::text;
use crate::http::AppState;
use crate::http::problem::Rejection;
use crate::line::Line;
use crate::metrics::Metrics;
use crate::outboxes::Slow;
use crate::session::{Batch, Frame, Joined, Link, Outbox, Progress, Reader, Run, Seat, Session};
use crate::store::SessionKey;

/// A stream that is about to begin.
pub(super) struct Opening {
    pub(super) key: SessionKey,
    /// Where it goes on from, `Err` where that is no cursor; without it, from the head.
    pub(super) after: Option<Result<Cursor, ()>>,
    /// The request's id, which becomes the connection's.
    pub(super) id: String,
    /// A publisher has none.
    pub(super) token: Option<TokenTimes>,
    pub(super) line: Option<Arc<Line>>,
}

/// The times of a subscriber's token, in Unix seconds.
#[derive(Clone, Copy)]
pub(super) struct TokenTimes {
    /// When `relay:expiring` is due.
    pub(super) warn_at: i64,
    /// Its `exp`.
    pub(super) expires_at: i64,
}

/// Begins a stream.
pub(super) async fn answer(state: &Arc<AppState>, opening: Opening) -> Result<Response, Rejection> {
    let stream = Arc::new(Stream {
        line: opening.line,
        ..Stream::default()
    });
    let reader: Arc<dyn Reader> = Arc::clone(&stream) as Arc<dyn Reader>;
    let (session, joined) = state.hub.join(&opening.key, &reader, opening.after).await?;
    let Some(registered) = state.streams.register(&stream) else {
        session.leave(joined.seat);
        return Err(super::draining());
    };
    stream.enter(
        &Ready {
            session_id: opening.key.id,
            connection_id: opening.id,
            cursor: joined.cursor,
            recovered: joined.recovered,
            replayed: joined.replayed,
            expires_at: opening.token.map(|token| token.expires_at),
        },
        &joined,
        &state.metrics,
    );
    let events = Events {
        clock: StreamClock::new(state, opening.token),
        state: Arc::clone(state),
        stream,
        session,
        seat: joined.seat,
        registered,
    };
    let mut response = head();
    *response.body_mut() = Body::new(events);
    Ok(response)
}

/// The answer without its events. Each of the headers is what some proxy looks for before it hands on what it gets as it
/// gets it, unbuffered and uncompressed.
pub(super) fn head() -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        ),
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    HEADERS.into_response()
}

/// A stream as its session sees it.
#[derive(Default)]
pub(super) struct Stream {
    state: Mutex<State>,
    line: Option<Arc<Line>>,
}

#[derive(Default)]
struct State {
    outbox: Outbox,
    /// Wakes the connection's task.
    task: Option<Waker>,
    /// Whether the last message is queued, or handed over.
    ending: bool,
    /// Whether it is counted among those that are behind.
    counted_behind: bool,
}

impl State {
    fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }
}

impl Reader for Stream {
    fn offer(&self, batch: &Batch<'_>) {
        let mut state = self.state.lock();
        if state.outbox.offer(batch, &Later) != Progress::Done {
            state.wake();
        }
    }
}

impl Stream {
    fn enter(&self, ready: &Ready, joined: &Joined, metrics: &Metrics) {
        let mut state = self.state.lock();
        state.outbox.join(joined.cursor);
        let ready = text::ready(ready, joined.resync.is_some());
        state.outbox.enqueue(ready);
        if let Some(reason) = joined.resync {
            state.outbox.enqueue(resync(reason, joined.cursor, metrics));
        }
    }

    /// Says that the token ends soon. The connection's task is what calls, and sends it next.
    fn expiring(&self, expiring: &Expiring) {
        let mut state = self.state.lock();
        if !state.ending {
            state.outbox.enqueue(text::expiring(expiring));
        }
    }

    /// Says goodbye, and ends the stream after it.
    pub(super) fn bye(&self, bye: &Bye, metrics: &Metrics) {
        let mut state = self.state.lock();
        if state.ending {
            return;
        }
        state.ending = true;
        state.outbox.enqueue(text::bye(bye));
        state.outbox.leave();
        state.wake();
        drop(state);
        metrics.bye(bye.code.as_str());
        metrics.error(bye.code.as_str());
    }

    pub(super) fn cut(&self) {
        if let Some(line) = &self.line {
            line.cut();
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.is_cut())
    }

    pub(super) fn slow(&self) -> Option<Slow> {
        self.line.as_ref()?.slow()
    }
}

fn resync(reason: ResyncReason, cursor: Cursor, metrics: &Metrics) -> Frame {
    metrics.resync(reason.as_str());
    text::resync(&Resync { reason, cursor })
}

/// For the pump: nothing goes out at once.
struct Later;

impl Link for Later {
    fn send(&self, _: Run<'_>) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Only who drives finds that events are missing.
    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        text::resync(&Resync { reason, cursor })
    }
}

/// For the connection's task: what goes out is a chunk of text.
struct Chunk<'a> {
    text: RefCell<Vec<u8>>,
    /// No frame is added to this many bytes.
    budget: usize,
    envelope: fn(&[u8]) -> Option<&[u8]>,
    metrics: &'a Metrics,
}

impl Link for Chunk<'_> {
    /// Takes whole frames only. Those of the log become text here, those of the queue are text.
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        let mut chunk = self.text.borrow_mut();
        let frames = run.frames.iter();
        chunk.reserve(
            frames
                .map(|frame| frame.len() + text::BESIDE_ENVELOPE)
                .sum(),
        );
        let mut taken = 0;
        for frame in run.frames {
            if chunk.len() >= self.budget {
                break;
            }
            match (self.envelope)(frame) {
                Some(envelope) => text::event(envelope, &mut chunk),
                None => chunk.extend_from_slice(frame),
            }
            taken += frame.len();
        }
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        resync(reason, cursor, self.metrics)
    }
}

/// The times at which a stream does something by itself.
struct StreamClock {
    timer: Pin<Box<Sleep>>,
    heartbeat: Duration,
    next_heartbeat: Instant,
    /// The token's times, until the client has been told.
    warns_at: Option<TokenTimes>,
    /// When the token ends, leeway included, in Unix seconds.
    ends_at: Option<i64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Tick {
    Heartbeat,
    Expiring(Expiring),
    Expired,
}

impl StreamClock {
    fn new(state: &AppState, token: Option<TokenTimes>) -> Self {
        let heartbeat = state.limits.stream_heartbeat;
        Self {
            // It looks at the clock when it is first polled.
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            heartbeat,
            next_heartbeat: Instant::now() + heartbeat,
            warns_at: token,
            ends_at: token.map(|TokenTimes { expires_at, .. }| {
                expires_at.saturating_add(i64::from(state.apps.token_leeway))
            }),
        }
    }

    /// The token's end is looked up on the clock of the wall each time: the timer's stands still with the machine.
    fn poll(&mut self, state: &AppState, cx: &mut Context<'_>) -> Option<Tick> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let left = self.ends_at.map(|at| state.clock.until(at));
            if left == Some(Duration::ZERO) {
                self.ends_at = None;
                return Some(Tick::Expired);
            }
            let warning = self.warns_at.map(|token| state.clock.until(token.warn_at));
            if let Some(TokenTimes { expires_at, .. }) =
                self.warns_at.take_if(|_| warning == Some(Duration::ZERO))
            {
                return Some(Tick::Expiring(Expiring {
                    expires_at,
                    in_seconds: (expires_at - state.clock.now()).max(0),
                }));
            }
            let now = Instant::now();
            let due = now >= self.next_heartbeat;
            if due {
                self.next_heartbeat = now + self.heartbeat;
            }
            let waits = [left, warning];
            let next = waits
                .into_iter()
                .flatten()
                .fold(self.next_heartbeat, |next, left| next.min(now + left));
            self.timer.as_mut().reset(next);
            if due {
                return Some(Tick::Heartbeat);
            }
        }
        None
    }
}

/// The body of the answer. It owns the stream's seat.
struct Events {
    state: Arc<AppState>,
    stream: Arc<Stream>,
    session: Arc<Session>,
    seat: Seat,
    clock: StreamClock,
    /// Its place among the streams.
    registered: usize,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let tick = this.clock.poll(&this.state, cx);
        if let Some(Tick::Expiring(expiring)) = &tick {
            this.stream.expiring(expiring);
        }
        if tick == Some(Tick::Expired) {
            let bye = Bye {
                code: Code::TokenExpired,
                reason: "the token has expired: connect again with a new one".to_owned(),
                reconnect: true,
                after_ms: 0,
            };
            this.stream.bye(&bye, &this.state.metrics);
        }
        let mut state = this.stream.state.lock();
        if tick == Some(Tick::Heartbeat) && !state.ending {
            state.outbox.enqueue(text::comment());
        } else if !state.outbox.behind() {
            if state.ending {
                return Poll::Ready(None);
            }
            state.wait(cx);
            return Poll::Pending;
        }
        let chunk = this.fill(&mut state);
        if chunk.is_empty() {
            state.wait(cx);
            return Poll::Pending;
        }
        drop(state);
        if let Some(line) = &this.stream.line {
            line.sent(chunk.len());
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(chunk.into()))))
    }
}

impl State {
    fn wait(&mut self, cx: &Context<'_>) {
        match &self.task {
            Some(task) if task.will_wake(cx.waker()) => {}
            _ => self.task = Some(cx.waker().clone()),
        }
    }
}

impl Events {
    /// What is queued, then what follows in the log, as far as one chunk goes.
    fn fill(&self, state: &mut State) -> Vec<u8> {
        let metrics = &self.state.metrics;
        let budget = self.state.limits.catch_up_write;
        let chunk = Chunk {
            text: RefCell::new(Vec::new()),
            budget,
            envelope: self.state.envelope,
            metrics,
        };
        // The chunk blocks when it is full, and more goes into the next.
        state.outbox.drive(Some(self.session.log()), budget, &chunk);
        let text = chunk.text.into_inner();
        let behind = state.outbox.behind();
        if behind != state.counted_behind {
            state.counted_behind = behind;
            metrics.clients_behind.inc_by(if behind { 1 } else { -1 });
        }
        metrics.deliveries.inc_by(state.outbox.take_delivered());
        metrics.delivered_bytes.inc_by(text.len() as u64);
        text
    }
}

impl Drop for Events {
    /// Whatever ends the answer, the stream leaves nothing behind.
    fn drop(&mut self) {
        self.session.leave(self.seat);
        self.state.streams.forget(self.registered);
        if self.stream.state.lock().counted_behind {
            self.state.metrics.clients_behind.dec();
        }
    }
}
