//! The line below an HTTP connection: whether its peer takes what it is sent, and a way to end it.
//!
//! hyper writes when it can and waits for ever when it cannot. Its stream is wrapped here, so that the accept
//! loop sees how long a write has waited, and ends a connection whose peer takes nothing, or too little, as
//! `socket/` does with its own. Requests carry the [`Line`] among their extensions: an event stream counts
//! there what waits for its client, and can be cut through it.
//!
//! ```text
//!   event stream ──sent──▶ hyper's buffer ──▶ Watched ──▶ TCP        Line: bytes that wait, since when
//! ```

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::Sleep;

use crate::outboxes::{Outboxes, Slow};

/// Over how long the least rate of a reader is measured.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// In `waits_since`: no write waits.
const NEVER: u64 = u64::MAX;

/// How slow a peer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLimits {
    /// How long a write may make no progress.
    pub(crate) write_deadline: Duration,
    /// Bytes a second, over [`RATE_WINDOW`].
    pub(crate) least_rate: u64,
}

/// See the module. Written by the connection's own task, read and cut by any.
#[derive(Debug)]
pub(crate) struct Line {
    began: Instant,
    /// Bytes that the socket took.
    written: AtomicU64,
    /// When the write that waits now last made progress, in ms since `began`.
    waits_since: AtomicU64,
    /// Bytes of an event stream that the socket did not take yet.
    unsent: AtomicUsize,
    cut: AtomicBool,
    task: AtomicWaker,
    outboxes: Arc<Outboxes>,
}

impl Line {
    pub(crate) fn new(outboxes: Arc<Outboxes>) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            written: AtomicU64::new(0),
            waits_since: AtomicU64::new(NEVER),
            unsent: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            task: AtomicWaker::new(),
            outboxes,
        })
    }

    /// Ends the connection at once; the kernel keeps nothing of what waits.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Counts bytes of an event stream that hyper is given to write.
    pub(crate) fn sent(&self, bytes: usize) {
        let before = self.unsent.fetch_add(bytes, Ordering::Relaxed);
        self.outboxes.count(before, before + bytes);
    }

    /// What it would be to cut this line, where its peer takes nothing.
    pub(crate) fn slow(self: &Arc<Self>) -> Option<Slow> {
        let stalled = self.waits()?;
        let line = Arc::clone(self);
        Some(Slow {
            stalled,
            waiting: self.unsent.load(Ordering::Relaxed),
            cut: Box::new(move || line.cut()),
        })
    }

    /// How long a write has waited without progress.
    fn waits(&self) -> Option<Duration> {
        match self.waits_since.load(Ordering::Relaxed) {
            NEVER => None,
            since => Some(Duration::from_millis(self.now().saturating_sub(since))),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => {
                self.waits_since.store(NEVER, Ordering::Relaxed);
                self.written.fetch_add(*bytes as u64, Ordering::Relaxed);
                let before = self.unsent.load(Ordering::Relaxed);
                if before > 0 {
                    let after = before.saturating_sub(*bytes);
                    self.unsent.store(after, Ordering::Relaxed);
                    self.outboxes.count(before, after);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if self.waits_since.load(Ordering::Relaxed) == NEVER {
                    self.waits_since.store(self.now(), Ordering::Relaxed);
                }
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.outboxes.count(*self.unsent.get_mut(), 0);
    }
}

/// The stream that hyper writes to.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    stream: T,
    line: Arc<Line>,
}

impl<T> Watched<T> {
    pub(crate) fn new(stream: T, line: Arc<Line>) -> Self {
        Self { stream, line }
    }

    pub(crate) fn into_inner(self) -> T {
        self.stream
    }
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.line.wrote(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.line.wrote(&outcome);
        outcome
    }
}

/// Why a connection is ended from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its peer takes nothing, or too little.
    Slow,
    /// Somebody cut it.
    Cut,
}

/// Watches a line for the task that serves it. A line that writes without waiting costs no timer.
#[derive(Debug)]
pub(crate) struct Watch {
    line: Arc<Line>,
    limits: LineLimits,
    stall: Option<Box<Stall>>,
}

#[derive(Debug)]
struct Stall {
    /// The window over which the rate is measured: its beginning, and what was written by then.
    window_at: Instant,
    window_written: u64,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(line: Arc<Line>, limits: LineLimits) -> Self {
        Self {
            line,
            limits,
            stall: None,
        }
    }

    /// Ready when the connection is to end. To be polled after the connection, which finds out what waits.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.line.task.register(cx.waker());
        if self.line.cut.load(Ordering::Acquire) {
            return Poll::Ready(End::Cut);
        }
        let Some(waits) = self.line.waits() else {
            self.stall = None;
            return Poll::Pending;
        };
        let now = Instant::now();
        let written = self.line.written.load(Ordering::Relaxed);
        let stall = self.stall.get_or_insert_with(|| {
            Box::new(Stall {
                window_at: now,
                window_written: written,
                timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            })
        });
        if waits >= self.limits.write_deadline {
            return Poll::Ready(End::Slow);
        }
        let window = now.saturating_duration_since(stall.window_at);
        if window >= RATE_WINDOW {
            let took = u128::from(written - stall.window_written);
            if took < u128::from(self.limits.least_rate) * window.as_millis() / 1000 {
                return Poll::Ready(End::Slow);
            }
            stall.window_at = now;
            stall.window_written = written;
        }
        let rest_of_window =
            RATE_WINDOW.saturating_sub(now.saturating_duration_since(stall.window_at));
        let next = (self.limits.write_deadline - waits).min(rest_of_window);
        stall
            .timer
            .as_mut()
            .reset(tokio::time::Instant::from_std(now + next));
        if stall.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
