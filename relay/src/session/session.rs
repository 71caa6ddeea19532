//! One session on this replica: its log and its readers. The pump that brings them together is
//! [`pump`](super::pump).
//!
//! Lock order: members → outbox → log. Nothing is awaited under a lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, ResyncReason};

use super::budget::Budget;
use super::log::{Frame, Log, LogLimits};
use super::outbox::Batch;
use super::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use super::sync::{Mutex, RwLock};
use crate::store::SessionKey;

/// Who reads a session. The pump calls it; nothing here may block.
pub(crate) trait Reader: Send + Sync {
    /// Hands the batch over if this reader is not behind; where that fails, its own task goes on.
    fn offer(&self, batch: &Batch<'_>);
}

/// A reader's place among the members; given back to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(u32);

/// Where a reader that joined begins, and what it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined {
    /// The seat to leave from.
    pub(crate) seat: Seat,
    /// Where the reader starts.
    pub(crate) cursor: Cursor,
    /// Whether that is the cursor which the client sent.
    pub(crate) recovered: bool,
    /// How many events follow before live ones.
    pub(crate) replayed: u64,
    /// Why it is not the client's cursor, where it sent one.
    pub(crate) resync: Option<ResyncReason>,
}

/// The session ended between being found and being joined: look it up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

#[derive(Default)]
pub(super) struct Members {
    /// A seat keeps its index, so that a pass that is on its way passes no one over.
    pub(super) seats: Vec<Option<Arc<dyn Reader>>>,
    free: Vec<u32>,
    pub(super) ended: bool,
}

impl Members {
    pub(super) fn count(&self) -> usize {
        self.seats.len() - self.free.len()
    }
}

/// See the module.
pub(crate) struct Session {
    key: SessionKey,
    pub(super) log: Mutex<Log>,
    pub(super) members: RwLock<Members>,
    /// The pump's place: a reader that is not behind has everything up to here.
    pub(super) pumped: AtomicU64,
    /// The head, and the bytes ever appended and pumped: how far behind the pump is, without a lock.
    pub(super) head: AtomicU64,
    pub(super) appended_bytes: AtomicU64,
    pub(super) pumped_bytes: AtomicU64,
    /// Calls for the pump that it has not answered. Who raises it from 0 is the pump.
    pub(super) pending: AtomicU32,
    /// When it was last published to, read, joined or left, in ms of the budget's clock.
    used_ms: AtomicU64,
    pub(super) limits: LogLimits,
    budget: Arc<Budget>,
    /// Tells waiting publishers that the pump has come nearer.
    pub(super) progress: tokio::sync::Notify,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("app", &self.key.app)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(
        key: SessionKey,
        head: Cursor,
        limits: LogLimits,
        budget: Arc<Budget>,
    ) -> Self {
        let used_ms = AtomicU64::new(budget.now_ms());
        Self {
            key,
            log: Mutex::new(Log::new(head.epoch, head.seq)),
            members: RwLock::new(Members::default()),
            pumped: AtomicU64::new(head.seq),
            head: AtomicU64::new(head.seq),
            appended_bytes: AtomicU64::new(0),
            pumped_bytes: AtomicU64::new(0),
            pending: AtomicU32::new(0),
            used_ms,
            limits,
            budget,
            progress: tokio::sync::Notify::new(),
        }
    }

    /// Which session it is.
    #[must_use]
    pub(crate) fn key(&self) -> &SessionKey {
        &self.key
    }

    /// The log, for a reader that drives itself.
    pub(crate) fn log(&self) -> &Mutex<Log> {
        &self.log
    }

    /// How many events this life of its log has had.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// How many readers it has.
    pub(crate) fn readers(&self) -> usize {
        self.members.read().count()
    }

    pub(super) fn touch(&self) {
        self.used_ms.store(self.budget.now_ms(), Ordering::Relaxed);
    }

    /// How long nobody has published to it, read, joined or left.
    pub(super) fn idle(&self) -> Duration {
        let used = self.used_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.budget.now_ms().saturating_sub(used))
    }

    /// Bytes of the frames it holds.
    pub(super) fn bytes(&self) -> usize {
        self.log.lock().bytes()
    }

    // ---- the log ----

    /// Puts the frame of the event at `cursor` into the log. Comes in the order of the seqs.
    pub(super) fn append(&self, cursor: Cursor, frame: Frame, now: Instant) {
        self.touch();
        let size = frame.len() as u64;
        let mut log = self.log.lock();
        let before = log.bytes();
        let follows = log.epoch() == cursor.epoch && log.head() + 1 == cursor.seq;
        if !follows {
            // Another life of the log, or a part that never came here. Readers find that their
            // place is gone and are told to resync: never a hole.
            log.restart(cursor.epoch, cursor.seq - 1);
            self.pumped.store(cursor.seq - 1, Ordering::Release);
        }
        log.push(frame, now, &self.limits);
        self.head.store(log.head(), Ordering::Release);
        self.appended_bytes.fetch_add(size, Ordering::Relaxed);
        self.budget.changed(before, log.bytes());
    }

    /// Drops what is too old.
    pub(super) fn trim(&self, now: Instant) {
        let mut log = self.log.lock();
        let before = log.bytes();
        log.trim(now, &self.limits);
        self.budget.changed(before, log.bytes());
    }

    /// Drops about `bytes` of its oldest events; answers how many it dropped.
    pub(super) fn shed(&self, bytes: usize) -> usize {
        let mut log = self.log.lock();
        let before = log.bytes();
        let mut shed = 0;
        while shed < bytes {
            match log.drop_oldest() {
                0 => break,
                dropped => shed += dropped,
            }
        }
        self.budget.changed(before, log.bytes());
        shed
    }

    // ---- the readers ----

    /// Takes a seat for `reader` and finds where it starts; `cursor` is what its client sent, `Err`
    /// where that is no cursor. The reader then joins its outbox there and drives itself once.
    ///
    /// # Errors
    /// [`Ended`]: it was dropped as idle in between.
    pub(crate) fn join(
        &self,
        reader: Arc<dyn Reader>,
        cursor: Option<Result<Cursor, ()>>,
    ) -> Result<Joined, Ended> {
        self.touch();
        let mut members = self.members.write();
        if members.ended {
            return Err(Ended);
        }
        let seat = if let Some(free) = members.free.pop() {
            members.seats[free as usize] = Some(reader);
            Seat(free)
        } else {
            members.seats.push(Some(reader));
            Seat(u32::try_from(members.seats.len() - 1).unwrap_or(u32::MAX))
        };
        drop(members);
        let log = self.log.lock();
        let start = log.start(cursor);
        Ok(Joined {
            seat,
            cursor: log.cursor(start.place),
            recovered: start.resync.is_none() && cursor.is_some(),
            replayed: log.head() - start.place,
            resync: start.resync,
        })
    }

    /// Gives a seat back.
    pub(crate) fn leave(&self, seat: Seat) {
        self.touch();
        let mut members = self.members.write();
        let left = members
            .seats
            .get_mut(seat.0 as usize)
            .and_then(Option::take);
        if left.is_some() {
            members.free.push(seat.0);
            if members.count() == 0 {
                members.seats = Vec::new();
                members.free = Vec::new();
            }
        }
        drop(members);
        drop(left);
    }

    /// Ends the session unless it has readers. From then on nobody can join it.
    pub(super) fn end_if_empty(&self) -> bool {
        let mut members = self.members.write();
        members.ended = members.count() == 0;
        if members.ended {
            let mut log = self.log.lock();
            let (epoch, head, before) = (log.epoch(), log.head(), log.bytes());
            log.restart(epoch, head);
            self.budget.changed(before, 0);
        }
        members.ended
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests;
