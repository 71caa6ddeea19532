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
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::Sleep;

use crate::outboxes::{Outboxes, Slow};
use crate::stall::{Millis, Stall, StallLimits, millis};

/// In `waits_since`: no write waits.
const NEVER: Millis = Millis::MAX;

/// See the module. Written by the connection's own task, read and cut by any.
#[derive(Debug)]
pub(crate) struct Line {
    began: Instant,
    /// Bytes that the socket took; it begins anew after the largest number.
    written: AtomicU32,
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
            written: AtomicU32::new(0),
            waits_since: AtomicU64::new(NEVER),
            unsent: AtomicUsize::new(0),
            cut: AtomicBool::new(false),
            task: AtomicWaker::new(),
            outboxes,
        })
    }

    /// Whether it is about to end.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
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
        let stalled = self.now().saturating_sub(self.waits_since()?);
        let line = Arc::clone(self);
        Some(Slow {
            stalled: Duration::from_millis(stalled),
            waiting: self.unsent.load(Ordering::Relaxed),
            cut: Box::new(move || line.cut()),
        })
    }

    /// When the write that waits last made progress.
    fn waits_since(&self) -> Option<Millis> {
        match self.waits_since.load(Ordering::Relaxed) {
            NEVER => None,
            since => Some(since),
        }
    }

    fn now(&self) -> Millis {
        millis(self.began.elapsed())
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => {
                self.waits_since.store(NEVER, Ordering::Relaxed);
                // Only differences are looked at.
                self.written.fetch_add(*bytes as u32, Ordering::Relaxed);
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
    limits: StallLimits,
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    stall: Stall,
    timer: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(line: Arc<Line>, limits: StallLimits) -> Self {
        Self {
            line,
            limits,
            waiting: None,
        }
    }

    /// Ready when the connection is to end. To be polled after the connection, which finds out what waits.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.line.task.register(cx.waker());
        if self.line.is_cut() {
            return Poll::Ready(End::Cut);
        }
        let Some(since) = self.line.waits_since() else {
            self.waiting = None;
            return Poll::Pending;
        };
        let written = self.line.written.load(Ordering::Relaxed);
        let Waiting { stall, timer } = &mut **self.waiting.get_or_insert_with(|| {
            Box::new(Waiting {
                stall: Stall::new(since, written),
                timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            })
        });
        stall.progress(since);
        let now = self.line.now();
        if stall.is_over(now, written, self.limits) {
            return Poll::Ready(End::Slow);
        }
        let left = stall.deadline(self.limits).saturating_sub(now);
        timer
            .as_mut()
            .reset(tokio::time::Instant::now() + Duration::from_millis(left));
        if timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
