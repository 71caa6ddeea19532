//! The task of a connection: it reads, and it writes what the pump could not.
//!
//! Written by hand, because there is one for every idle connection: two pointers and what it waits for,
//! no buffer, no timer. Input is read into a buffer of the worker thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::application::{Heard, Wait};
use super::connection::{Appetite, Connection};
use super::frame::{Flow, FrameReader};

/// What one read takes at the most.
const READ_BYTES: usize = 32 * 1024;
/// Reads before others get their turn.
const READS_A_TURN: usize = 8;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// See the module.
pub(crate) struct Task {
    connection: Arc<Connection>,
    frames: FrameReader,
    wait: Option<Wait>,
}

impl Task {
    /// `early` is what the client sent right behind its upgrade request.
    pub(super) fn new(connection: Arc<Connection>, early: &[u8]) -> Self {
        Self {
            connection,
            frames: FrameReader::starting_with(early),
            wait: None,
        }
    }

    /// The task of a connection that polled before; `frames` is what its WebSocket has sent.
    pub(super) fn upgraded(connection: Arc<Connection>, frames: FrameReader) -> Self {
        Self {
            connection,
            frames,
            wait: None,
        }
    }

    /// Reads what there is. Pending where the stream, a deadline or the session must come first.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let connection = Arc::clone(&self.connection);
        let Some(stream) = connection.stream.get() else {
            return Poll::Ready(());
        };
        for _ in 0..READS_A_TURN {
            let appetite = self.connection.attend(cx);
            match appetite {
                Appetite::Closed => return Poll::Ready(()),
                Appetite::Nothing => return Poll::Pending,
                Appetite::Messages if self.wait.is_some() => return Poll::Pending,
                Appetite::Messages if self.frames.holds_unread() => {
                    self.understand(&mut []);
                    self.poll_wait(cx);
                    continue;
                }
                Appetite::Messages | Appetite::TheEnd => {}
            }
            let read = BUFFER.with_borrow_mut(|buffer| {
                let read = match stream.poll_read(cx, buffer) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(read)) => read,
                    Poll::Ready(Err(_)) => 0,
                };
                if read > 0 && appetite == Appetite::Messages {
                    self.understand(&mut buffer[..read]);
                }
                Poll::Ready(read)
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(0) => {
                    self.connection.gone();
                    return Poll::Ready(());
                }
                Poll::Ready(_) => self.poll_wait(cx),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn understand(&mut self, chunk: &mut [u8]) {
        let Self {
            connection,
            frames,
            wait,
        } = self;
        let limit = connection.sockets.limits.message;
        let read = frames.read(chunk, limit, |incoming| {
            let flow = match connection.receive(&incoming) {
                Heard::Flow(flow) => flow,
                Heard::Misunderstood => Flow::Stop,
                Heard::Wait(until) => {
                    *wait = Some(until);
                    Flow::Pause
                }
            };
            match connection.spend() {
                Err(_) if flow == Flow::Next => Flow::Pause,
                _ => flow,
            }
        });
        if let Err(fault) = read {
            connection.fault(fault);
        }
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) {
        if let Some(wait) = &mut self.wait
            && wait.as_mut().poll(cx).is_ready()
        {
            self.wait = None;
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_wait(cx);
        if self.read(cx).is_ready() {
            return Poll::Ready(());
        }
        self.connection.drive(cx);
        Poll::Pending
    }
}

impl Drop for Task {
    /// Whatever ends the task, the connection leaves nothing behind.
    fn drop(&mut self) {
        self.connection.gone();
        let Connection {
            sockets, key, sid, ..
        } = &*self.connection;
        sockets.forget(*key, *sid);
    }
}
