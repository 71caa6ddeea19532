//! A connection's place in the log, the rest of a partial write, and its control packets.
//!
//! ```text
//!            pump: offer(batch)                    the reader's own task: drive(log)
//!                    │                                          │
//!   not behind ──────┤ all taken: place = end                   │ queue, then the log from the place
//!                    │ else: behind, wake the task              │ nothing left: not behind
//!                    ▼                                          ▼
//!                ┌────────────────────────────────────────────────┐
//!                │ queue: a frame cut in the middle, then control │ ──▶ Link::send ──▶ the client
//!                └────────────────────────────────────────────────┘
//! ```
//!
//! **The invariant on which the promise stands: not behind ⇒ the place is at or past the pump's.**
//! It holds because an event is in the log before the pump offers it, and because a reader stops
//! being behind only while it holds its outbox's lock and has seen, under the log's lock, that its
//! place is the head. Whatever is appended later is offered later, to a reader that is not behind.
//! Should a batch ever begin after the place, the reader is behind again instead of missing events.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use forge_relay_core::{Cursor, Epoch, ResyncReason};

use super::log::{Found, Frame, Log};
use super::sync::Mutex;

/// The most frames that are handed over in one write (`IOV_MAX` is 1,024).
const FRAMES_A_WRITE: usize = 256;

/// Writes that a reader's task makes before it lets others run.
const WRITES_A_TURN: usize = 8;

/// Consecutive whole frames, the first of which may have been sent in part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    /// The frames, in order.
    pub(crate) frames: &'a [Frame],
    /// The same bytes in one piece, where the caller has them so.
    pub(crate) joined: Option<&'a [u8]>,
    /// How many bytes of the first frame were sent before.
    pub(crate) skip: usize,
}

/// How an outbox reaches its client. Nothing here blocks.
pub(crate) trait Link {
    /// Takes as much of `run` as goes out now and answers how many bytes that was, counted without
    /// `skip`.
    ///
    /// # Errors
    /// `WouldBlock` where nothing goes out now; any other error ends the connection.
    fn send(&self, run: Run<'_>) -> io::Result<usize>;

    /// Encodes the packet which says that events are missing and from where it goes on.
    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame;
}

/// The frames of one pass of the pump: those after `after`, in one life of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) epoch: Epoch,
    pub(crate) after: u64,
    pub(crate) frames: &'a [Frame],
    pub(crate) joined: &'a [u8],
}

/// What came of an attempt to hand frames over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything is handed over.
    Done,
    /// The client takes no more now; the reader's task goes on when it does.
    Blocked,
    /// There is more, and the client takes it; others may run first.
    More,
    /// The connection is broken, or its queue is full.
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    epoch: Epoch,
    place: u64,
    /// Whether `place` means anything: a reader that has joined a session, and has not left.
    reading: bool,
    behind: bool,
    /// Bytes of `queue.front()` that were sent.
    sent: usize,
    queue: VecDeque<Frame>,
    /// Bytes in `queue` that are still to be sent.
    queued: usize,
    /// Bytes handed over in all, by which a stalled client is told from a slow one. It wraps.
    handed: u32,
    /// Events handed over and not yet asked for.
    delivered: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            epoch: Epoch(0),
            place: 0,
            reading: false,
            behind: false,
            sent: 0,
            queue: VecDeque::new(),
            queued: 0,
            handed: 0,
            delivered: 0,
        }
    }
}

impl Outbox {
    /// Begins to read after this place. The reader is behind until it has driven itself once.
    pub(crate) fn join(&mut self, at: Cursor) {
        self.epoch = at.epoch;
        self.place = at.seq;
        self.reading = true;
        self.behind = true;
    }

    /// Reads no more events; what is queued still goes out.
    pub(crate) fn leave(&mut self) {
        self.reading = false;
        self.behind = !self.queue.is_empty();
    }

    /// Whether the reader's own task has something to hand over.
    #[must_use]
    pub(crate) fn behind(&self) -> bool {
        self.behind
    }

    /// Bytes that wait in the queue.
    #[must_use]
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes handed over since the beginning, wrapping.
    #[must_use]
    pub(crate) fn handed(&self) -> u32 {
        self.handed
    }

    /// How many events were handed over since the last call.
    pub(crate) fn take_delivered(&mut self) -> u64 {
        u64::from(std::mem::take(&mut self.delivered))
    }

    /// Hands a control packet over, after all that was handed over before it; else queues it, as
    /// long as the queue holds at most `limit` bytes.
    pub(crate) fn control<L: Link + ?Sized>(
        &mut self,
        packet: Frame,
        limit: usize,
        link: &L,
    ) -> Progress {
        if self.behind {
            // A frame cut in the middle is no reason to refuse a ping.
            let cut = match self.queue.front() {
                Some(first) if self.sent > 0 => first.len() - self.sent,
                _ => 0,
            };
            if self.queued - cut + packet.len() > limit {
                return Progress::Broken;
            }
            self.enqueue(packet);
            return Progress::Blocked;
        }
        self.enqueue(packet);
        match self.flush(link) {
            Progress::Blocked => {
                self.behind = true;
                Progress::Blocked
            }
            other => other,
        }
    }

    /// Queues a packet ahead of a first [`drive`](Self::drive).
    pub(crate) fn enqueue(&mut self, packet: Frame) {
        self.queued += packet.len();
        self.queue.push_back(packet);
    }

    /// The pump's way in: offers what follows the place, if the reader is not behind.
    ///
    /// Answers `Blocked` exactly when the reader has just fallen behind and its task must be woken.
    pub(crate) fn offer<L: Link + ?Sized>(&mut self, batch: &Batch<'_>, link: &L) -> Progress {
        if self.behind || !self.reading {
            return Progress::Done;
        }
        let whole = batch.after + batch.frames.len() as u64;
        if batch.epoch != self.epoch || self.place < batch.after {
            self.behind = true;
            return Progress::Blocked;
        }
        if self.place >= whole {
            return Progress::Done;
        }
        let known = usize::try_from(self.place - batch.after).unwrap_or(usize::MAX);
        let run = if known == 0 {
            Run {
                frames: batch.frames,
                joined: Some(batch.joined),
                skip: 0,
            }
        } else {
            Run {
                frames: &batch.frames[known..],
                joined: None,
                skip: 0,
            }
        };
        match self.hand_over(run, link) {
            Progress::Done => Progress::Done,
            Progress::Broken => Progress::Broken,
            Progress::Blocked | Progress::More => {
                self.behind = true;
                Progress::Blocked
            }
        }
    }

    /// The reader's own way: hands over the queue, then the log from the place, until the client
    /// takes no more or everything is handed over, which is when the reader is no longer behind.
    pub(crate) fn drive<L: Link + ?Sized>(
        &mut self,
        log: Option<&Mutex<Log>>,
        budget: usize,
        link: &L,
    ) -> Progress {
        // Until shown otherwise, also where it is called for a reader that was not.
        self.behind = true;
        let mut frames = Vec::new();
        for _ in 0..WRITES_A_TURN {
            match self.flush(link) {
                Progress::Done => {}
                stopped => return stopped,
            }
            let Some(log) = log.filter(|_| self.reading) else {
                self.behind = false;
                return Progress::Done;
            };
            frames.clear();
            let found = {
                let log = log.lock();
                if log.epoch() == self.epoch {
                    match log.after(self.place, budget, &mut frames) {
                        Found::Nothing => {
                            // The one place where a reader stops being behind; see the module.
                            self.behind = false;
                            return Progress::Done;
                        }
                        Found::Frames(_) => None,
                        Found::Trimmed => Some((ResyncReason::FellBehind, log.cursor(log.head()))),
                    }
                } else {
                    Some((ResyncReason::EpochChanged, log.cursor(log.head())))
                }
            };
            if let Some((reason, cursor)) = found {
                self.epoch = cursor.epoch;
                self.place = cursor.seq;
                self.enqueue(link.resync(reason, cursor));
                continue;
            }
            frames.truncate(FRAMES_A_WRITE);
            match self.hand_over(
                Run {
                    frames: &frames,
                    joined: None,
                    skip: 0,
                },
                link,
            ) {
                Progress::Done | Progress::More => {}
                stopped => return stopped,
            }
        }
        Progress::More
    }

    /// Sends the queue. `Done` when it is empty.
    fn flush<L: Link + ?Sized>(&mut self, link: &L) -> Progress {
        while !self.queue.is_empty() {
            let frames = self.queue.make_contiguous();
            let frames = &frames[..frames.len().min(FRAMES_A_WRITE)];
            let taken = match link.send(Run {
                frames,
                joined: None,
                skip: self.sent,
            }) {
                Ok(taken) => taken,
                Err(error) => return Self::stopped(&error),
            };
            self.handed = self
                .handed
                .wrapping_add(u32::try_from(taken).unwrap_or(u32::MAX));
            self.queued = self.queued.saturating_sub(taken);
            self.sent += taken;
            let mut blocked = true;
            while let Some(first) = self.queue.front() {
                if self.sent < first.len() {
                    break;
                }
                self.sent -= first.len();
                self.queue.pop_front();
                blocked = false;
            }
            if self.queue.is_empty() {
                // An idle connection owns no buffer.
                self.queue = VecDeque::new();
                self.queued = 0;
                self.sent = 0;
            } else if blocked {
                return Progress::Blocked;
            }
        }
        Progress::Done
    }

    /// Sends events and moves the place past those that were taken; the rest of one that was taken
    /// in part goes to the queue.
    fn hand_over<L: Link + ?Sized>(&mut self, run: Run<'_>, link: &L) -> Progress {
        let mut taken = match link.send(run) {
            Ok(taken) => taken,
            Err(error) => return Self::stopped(&error),
        };
        self.handed = self
            .handed
            .wrapping_add(u32::try_from(taken).unwrap_or(u32::MAX));
        for frame in run.frames {
            if taken == 0 {
                return Progress::Blocked;
            }
            self.place += 1;
            self.delivered = self.delivered.saturating_add(1);
            if taken < frame.len() {
                self.queued += frame.len() - taken;
                self.sent = taken;
                self.queue.push_front(Arc::clone(frame));
                return Progress::Blocked;
            }
            taken -= frame.len();
        }
        Progress::Done
    }

    fn stopped(error: &io::Error) -> Progress {
        if error.kind() == io::ErrorKind::WouldBlock {
            Progress::Blocked
        } else {
            Progress::Broken
        }
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests;
