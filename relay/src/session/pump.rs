//! The pump: brings what was appended to the readers that are at the head.
//!
//! One at a time a session: whoever raises `pending` from 0 is the pump, and looks again before it ends
//! its turn. A publisher pumps small sessions itself, for a few passes; a task does the rest, and the
//! passes of a large session are shared among the cores. Either way each reader is offered each batch
//! once, and the next batch begins when all were.
#![cfg_attr(
    feature = "model",
    allow(dead_code, unused_imports, reason = "the model has no tasks")
)]

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use forge_relay_core::Epoch;

use super::log::{Found, Frame};
use super::outbox::Batch;
use super::session::Session;
use super::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes that one pass offers, so that one write takes them.
const PASS_BYTES: usize = 64 * 1024;
/// A session with more readers than this is pumped by a task of its own, not by its publishers.
const INLINE_READERS: usize = 256;
/// Passes that a publisher makes before a task takes over.
const INLINE_PASSES: usize = if cfg!(feature = "model") {
    usize::MAX
} else {
    4
};
/// Offers that the pump's task makes before it lets others run.
const OFFERS_A_TURN: usize = 256;
/// From this many readers on, other cores help with a pass.
const SHARED_READERS: usize = 1024;
/// The most tasks that help.
const HELPERS: usize = 3;

/// What one pass of the pump found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Drained,
    Offered,
}

/// Frames that the pump took from the log and offers now.
struct Taken {
    epoch: Epoch,
    after: u64,
    frames: Vec<Frame>,
    joined: Vec<u8>,
    bytes: u64,
}

impl Taken {
    fn batch(&self) -> Batch<'_> {
        let joined = match self.frames.as_slice() {
            [only] => only,
            _ => self.joined.as_slice(),
        };
        Batch {
            epoch: self.epoch,
            after: self.after,
            frames: &self.frames,
            joined,
        }
    }
}

/// A pass that several tasks share.
#[cfg(not(feature = "model"))]
struct SharedPass {
    taken: Taken,
    /// The first seat that nobody has taken on.
    next: AtomicUsize,
}

/// Whoever holds it is the session's pump. A pump that is dropped half-way (its runtime ended, or a
/// reader panicked) leaves the session ready for the next one.
struct Turn<S: Deref<Target = Session>> {
    session: S,
    /// It was ended, or went over to a task: there is nothing left to give back.
    over: bool,
}

impl<S: Deref<Target = Session>> Drop for Turn<S> {
    fn drop(&mut self) {
        if !self.over {
            self.session.pending.store(0, Ordering::Release);
        }
    }
}

impl<S: Deref<Target = Session>> Turn<S> {
    fn of(session: S) -> Self {
        Self {
            session,
            over: false,
        }
    }

    /// Ends the turn if nobody has called for the pump since `seen`; answers whether it did.
    fn end(&mut self, seen: u32) -> bool {
        let pending = &self.session.pending;
        self.over = pending
            .compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        self.over
    }

    /// The same turn, held with the session.
    #[cfg(not(feature = "model"))]
    fn hand_over(mut self, session: &Arc<Session>) -> Turn<Arc<Session>> {
        self.over = true;
        Turn::of(Arc::clone(session))
    }
}

impl Session {
    /// Whether `count` more events of `bytes` in all can be appended without outrunning the pump.
    fn keeps_up(&self, count: usize, bytes: usize) -> bool {
        let lag = self
            .head
            .load(Ordering::Acquire)
            .saturating_sub(self.pumped.load(Ordering::Acquire));
        let appended = self.appended_bytes.load(Ordering::Relaxed);
        let lag_bytes = appended.saturating_sub(self.pumped_bytes.load(Ordering::Relaxed));
        lag == 0
            || (lag + count as u64 <= self.limits.events as u64 / 2
                && lag_bytes + bytes as u64 <= self.limits.bytes as u64 / 2)
    }

    /// Waits until the pump is near enough that `count` more events of `bytes` in all would not
    /// push out of the log what it has still to offer. False where that takes too long.
    pub(super) async fn wait_for_pump(
        &self,
        count: usize,
        bytes: usize,
        patience: Duration,
    ) -> bool {
        if self.keeps_up(count, bytes) {
            return true;
        }
        let waited = tokio::time::timeout(patience, async {
            loop {
                let progress = self.progress.notified();
                if self.keeps_up(count, bytes) {
                    return;
                }
                progress.await;
            }
        });
        waited.await.is_ok()
    }

    /// Brings what was appended to the readers, here or by a task. Never waits for a reader, and
    /// goes on whatever becomes of its caller.
    pub(crate) fn pump(self: &Arc<Self>) {
        if self.pending.fetch_add(1, Ordering::AcqRel) > 0 {
            return; // whoever is the pump now looks again before it ends its turn
        }
        let mut turn = Turn::of(&**self);
        for _ in 0..INLINE_PASSES {
            let seen = self.pending.load(Ordering::Acquire);
            match self.pass() {
                None => break,
                Some(Pass::Offered) => {}
                Some(Pass::Drained) if turn.end(seen) => return,
                Some(Pass::Drained) => {}
            }
        }
        // Handed over here, so that a task which never gets to run gives the turn back too.
        #[cfg(not(feature = "model"))]
        tokio::spawn(Self::pump_in_turns(turn.hand_over(self)));
    }

    /// One whole pass. `None` where the session has too many readers for its publishers.
    fn pass(&self) -> Option<Pass> {
        let members = self.members.read();
        if members.count() > INLINE_READERS {
            return None;
        }
        let Some(taken) = self.take() else {
            return Some(Pass::Drained);
        };
        let batch = taken.batch();
        for reader in members.seats.iter().flatten() {
            reader.offer(&batch);
        }
        drop(members);
        self.passed(&taken);
        Some(Pass::Offered)
    }

    /// The pump as a task: passes that let others run in between.
    #[cfg(not(feature = "model"))]
    async fn pump_in_turns(mut turn: Turn<Arc<Self>>) {
        loop {
            let session = &turn.session;
            let seen = session.pending.load(Ordering::Acquire);
            let Some(taken) = session.take() else {
                if turn.end(seen) {
                    return;
                }
                continue;
            };
            let pass = Arc::new(SharedPass {
                taken,
                next: AtomicUsize::new(0),
            });
            let helpers = session.helpers(&pass);
            session.offer_in_turns(&pass).await;
            for helper in helpers {
                // One that was stopped leaves readers who find by the next batch that they missed one.
                let _ = helper.await;
            }
            session.passed(&pass.taken);
            tokio::task::yield_now().await;
        }
    }

    /// Tasks that offer a batch to readers of a large session, as the pump itself does.
    #[cfg(not(feature = "model"))]
    fn helpers(self: &Arc<Self>, pass: &Arc<SharedPass>) -> Vec<tokio::task::JoinHandle<()>> {
        if self.readers() < SHARED_READERS {
            return Vec::new();
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let help = |_| {
            let (session, pass) = (Arc::clone(self), Arc::clone(pass));
            tokio::spawn(async move { session.offer_in_turns(&pass).await })
        };
        (1..cores.min(HELPERS + 1)).map(help).collect()
    }

    /// Offers a batch to some readers at a time, until all were offered it.
    #[cfg(not(feature = "model"))]
    async fn offer_in_turns(&self, pass: &SharedPass) {
        loop {
            let from = pass.next.fetch_add(OFFERS_A_TURN, Ordering::Relaxed);
            {
                let members = self.members.read();
                let Some(seats) = members.seats.get(from..) else {
                    return;
                };
                for reader in seats.iter().take(OFFERS_A_TURN).flatten() {
                    reader.offer(&pass.taken.batch());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// What follows the pump's place, in one piece.
    fn take(&self) -> Option<Taken> {
        let mut frames = Vec::new();
        let log = self.log.lock();
        let mut after = self.pumped.load(Ordering::Acquire);
        if log.after(after, PASS_BYTES, &mut frames) == Found::Trimmed {
            // Readers that still are before this see a batch, be it empty, that begins after their
            // place, and so learn that they missed something.
            after = log.floor();
            log.after(after, PASS_BYTES, &mut frames);
        } else if frames.is_empty() {
            return None;
        }
        let epoch = log.epoch();
        drop(log);
        let bytes = frames.iter().map(|frame| frame.len()).sum::<usize>();
        let joined = if frames.len() == 1 {
            Vec::new()
        } else {
            frames.concat()
        };
        Some(Taken {
            epoch,
            after,
            frames,
            joined,
            bytes: bytes as u64,
        })
    }

    fn passed(&self, taken: &Taken) {
        let log = self.log.lock();
        let to = taken.after + taken.frames.len() as u64;
        if log.epoch() == taken.epoch {
            self.pumped.fetch_max(to, Ordering::AcqRel);
        }
        if log.head() == self.pumped.load(Ordering::Acquire) {
            // What was trimmed before the pump came to it is not outstanding either.
            let appended = self.appended_bytes.load(Ordering::Relaxed);
            self.pumped_bytes.store(appended, Ordering::Relaxed);
        } else {
            self.pumped_bytes.fetch_add(taken.bytes, Ordering::Relaxed);
        }
        drop(log);
        self.progress.notify_waiters();
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests;
