//! One session on this replica: its log, its readers, and the pump that brings them together.
//!
//! Lock order: members → outbox → log. Nothing is awaited under a lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, Epoch, ResyncReason};

use super::budget::Budget;
use super::log::{Found, Frame, Log, LogLimits};
use super::outbox::Batch;
use super::sync::Mutex;
use super::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::store::SessionKey;

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

/// A part of the log, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// The frames of its events.
    pub(crate) frames: Vec<Frame>,
    /// The place after the last of them.
    pub(crate) cursor: Cursor,
    /// Whether more events follow that are in the log already.
    pub(crate) more: bool,
}

/// What bounds a page: how many frames, and how many bytes of them unless there is only one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimits {
    /// The most frames.
    pub(crate) events: usize,
    /// The most bytes of frames.
    pub(crate) bytes: usize,
}

/// The place that a page was to begin at is not one that the log serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Why.
    pub(crate) reason: ResyncReason,
    /// From where to go on.
    pub(crate) cursor: Cursor,
}

/// The session ended between being found and being joined: look it up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

#[derive(Default)]
struct Members {
    /// A seat keeps its index, so that a pass that is on its way passes no one over.
    seats: Vec<Option<Arc<dyn Reader>>>,
    free: Vec<u32>,
    ended: bool,
}

impl Members {
    fn count(&self) -> usize {
        self.seats.len() - self.free.len()
    }
}

/// See the module.
pub(crate) struct Session {
    key: SessionKey,
    log: Mutex<Log>,
    members: Mutex<Members>,
    /// The pump's place: a reader that is not behind has everything up to here.
    pumped: AtomicU64,
    /// The head, and the bytes ever appended and pumped: how far behind the pump is, without a lock.
    head: AtomicU64,
    appended_bytes: AtomicU64,
    pumped_bytes: AtomicU64,
    /// Calls for the pump that it has not answered. Who raises it from 0 is the pump.
    pending: AtomicU32,
    /// When it was last published to, read, joined or left, in ms of the budget's clock.
    used_ms: AtomicU64,
    limits: LogLimits,
    budget: Arc<Budget>,
    /// Tells waiting publishers that the pump has come nearer.
    progress: tokio::sync::Notify,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("app", &self.key.app)
            .finish_non_exhaustive()
    }
}

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

/// Whoever holds it is the session's pump. A pump that is dropped half-way (its runtime ended, or a
/// reader panicked) leaves the session ready for the next one.
struct Turn<'a>(&'a Session);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.pending.store(0, Ordering::Release);
    }
}

impl Turn<'_> {
    /// Ends the turn if nobody has called for the pump since `seen`.
    fn end(self, seen: u32) -> Result<(), Self> {
        let ended = self
            .0
            .pending
            .compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_err() {
            return Err(self);
        }
        std::mem::forget(self);
        Ok(())
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
            members: Mutex::new(Members::default()),
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
        self.members.lock().count()
    }

    fn touch(&self) {
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

    /// What follows `after`, or the oldest that is held where there is none; `Err` is what is no
    /// cursor at all. To read is to use: the session is kept as if it were published to.
    ///
    /// # Errors
    /// [`Ended`]: it was dropped as idle in between.
    pub(crate) fn read(
        &self,
        after: Option<Result<Cursor, ()>>,
        limits: PageLimits,
    ) -> Result<Result<Page, Gone>, Ended> {
        self.touch();
        if self.members.lock().ended {
            return Err(Ended);
        }
        let log = self.log.lock();
        let start = log.start(after);
        if let Some(reason) = start.resync {
            let cursor = log.cursor(start.place);
            return Ok(Err(Gone { reason, cursor }));
        }
        let place = if after.is_some() {
            start.place
        } else {
            log.floor()
        };
        let mut frames = Vec::new();
        log.after(place, limits.bytes, &mut frames);
        frames.truncate(limits.events);
        let end = place + frames.len() as u64;
        Ok(Ok(Page {
            frames,
            cursor: log.cursor(end),
            more: end < log.head(),
        }))
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
        let mut members = self.members.lock();
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
        let mut members = self.members.lock();
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
        let mut members = self.members.lock();
        members.ended = members.count() == 0;
        if members.ended {
            let mut log = self.log.lock();
            let (epoch, head, before) = (log.epoch(), log.head(), log.bytes());
            log.restart(epoch, head);
            self.budget.changed(before, 0);
        }
        members.ended
    }

    // ---- the pump ----

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
        let mut turn = Turn(self);
        for _ in 0..INLINE_PASSES {
            let seen = self.pending.load(Ordering::Acquire);
            match self.pass() {
                None => break,
                Some(Pass::Offered) => {}
                Some(Pass::Drained) => match turn.end(seen) {
                    Ok(()) => return,
                    Err(again) => turn = again,
                },
            }
        }
        std::mem::forget(turn); // it goes over to the task
        #[cfg(not(feature = "model"))]
        {
            let session = Arc::clone(self);
            tokio::spawn(async move { session.pump_in_turns().await });
        }
    }

    /// One whole pass. `None` where the session has too many readers for its publishers.
    fn pass(&self) -> Option<Pass> {
        let members = self.members.lock();
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
    async fn pump_in_turns(self: Arc<Self>) {
        let mut turn = Turn(&self);
        loop {
            let seen = self.pending.load(Ordering::Acquire);
            let Some(taken) = self.take() else {
                match turn.end(seen) {
                    Ok(()) => return,
                    Err(again) => turn = again,
                }
                continue;
            };
            let mut next = 0;
            while let Some(after) = self.offer_some(&taken.batch(), next) {
                next = after;
                tokio::task::yield_now().await;
            }
            self.passed(&taken);
            tokio::task::yield_now().await;
        }
    }

    /// Offers the batch to some of the readers, from this seat on; answers from where to go on.
    #[cfg(not(feature = "model"))]
    fn offer_some(&self, batch: &Batch<'_>, from: usize) -> Option<usize> {
        let members = self.members.lock();
        let to = members.seats.len().min(from + OFFERS_A_TURN);
        for reader in members
            .seats
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .flatten()
        {
            reader.offer(batch);
        }
        (to < members.seats.len()).then_some(to)
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
