//! All sessions of this replica, and the way in for publishers and readers.

use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, Envelope, Event, Receipt, SessionId};
use parking_lot::Mutex;
use uuid::Uuid;

use super::budget::Budget;
use super::log::{Frame, LogLimits};
use super::page::{Gone, Page, PageLimits};
use super::session::{Joined, Reader, Session};
use crate::metrics::Metrics;
use crate::store::{Announce, AppIndex, AppendError, NewEvent, SessionKey, Store, Unavailable};

/// Locks that share the map of sessions.
const SHARDS: usize = 16;

/// A session without readers that nobody used for this long may go when memory is short.
const EVICTABLE_IDLE: Duration = Duration::from_secs(10);

/// Encodes an envelope as the frame that every client of the session gets.
pub(crate) type Encode = fn(&Envelope<'_>) -> Frame;

/// What bounds the sessions of a replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HubLimits {
    /// The log of one session.
    pub(crate) log: LogLimits,
    /// Bytes of all logs together.
    pub(crate) all_logs: usize,
    /// How long a session is kept that nobody uses.
    pub(crate) idle: Duration,
    /// How long a publisher waits for the pump.
    pub(crate) patience: Duration,
}

/// Why a publish is not in the log. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PublishError {
    /// These events carry a nonce that another event has.
    #[error("a nonce was used for another event")]
    NonceConflict {
        /// Their indexes in the batch.
        indexes: Vec<usize>,
    },
    /// No further nonce can be remembered for now.
    #[error("the nonce memory is full")]
    NonceMemoryFull {
        /// Seconds until room is likely.
        retry_after: u32,
    },
    /// The log cannot take it now; publishing again with the same nonce is safe.
    #[error("the log is unavailable")]
    Unavailable {
        /// Seconds until a retry makes sense.
        retry_after: u32,
    },
}

impl From<AppendError> for PublishError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NonceConflict(indexes) => Self::NonceConflict { indexes },
            AppendError::NonceMemoryFull { retry_after } => Self::NonceMemoryFull { retry_after },
            AppendError::Unavailable { retry_after } => Self::Unavailable { retry_after },
        }
    }
}

type Shard = Mutex<HashMap<SessionKey, Arc<Session>>>;

/// The sessions that this replica holds; a store announces to them.
struct Sessions {
    shards: Box<[Shard]>,
    hasher: RandomState,
    encode: Encode,
    limits: HubLimits,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
    /// One eviction at a time.
    evicting: Mutex<()>,
}

impl Sessions {
    fn shard(&self, key: &SessionKey) -> &Shard {
        let hash = self.hasher.hash_one(key);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    fn get(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.shard(key).lock().get(key).cloned()
    }

    /// The session, which begins at `head` where this replica did not hold it.
    fn get_or_begin(&self, key: &SessionKey, head: Cursor) -> Arc<Session> {
        let mut shard = self.shard(key).lock();
        let begin = || {
            self.metrics.sessions.inc();
            let budget = Arc::clone(&self.budget);
            Arc::new(Session::new(key.clone(), head, self.limits.log, budget))
        };
        Arc::clone(shard.entry(key.clone()).or_insert_with(begin))
    }

    fn all(&self) -> Vec<Arc<Session>> {
        self.shards
            .iter()
            .flat_map(|shard| shard.lock().values().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Drops a session that has no readers and that nobody has used for longer than `idle`.
    ///
    /// Much may have happened since it was found: another may have dropped it, and one of the same
    /// name with readers of its own may stand in its place; or somebody has published to it.
    fn drop_if_idle(&self, session: &Arc<Session>, idle: Duration) -> bool {
        let mut shard = self.shard(session.key()).lock();
        let held = shard.get(session.key());
        let dropped = held.is_some_and(|held| Arc::ptr_eq(held, session))
            && session.idle() > idle
            && session.end_if_empty();
        if dropped {
            shard.remove(session.key());
            self.metrics.sessions.dec();
            self.metrics.session_ended(session.head());
        }
        dropped
    }
}

impl Announce for Sessions {
    fn appended(&self, app: AppIndex, new: &NewEvent, cursor: Cursor) {
        let event = &new.event;
        let mut id = Uuid::encode_buffer();
        let envelope = Envelope::new(event, new.id.hyphenated().encode_lower(&mut id), cursor);
        let frame = (self.encode)(&envelope);
        let key = SessionKey {
            app,
            id: event.session_id.clone(),
        };
        let before = Cursor {
            seq: cursor.seq - 1,
            ..cursor
        };
        self.get_or_begin(&key, before)
            .append(cursor, frame, Instant::now());
    }

    fn deliver(&self, app: AppIndex, sessions: &[SessionId]) {
        for id in sessions {
            if let Some(session) = self.get(&SessionKey {
                app,
                id: id.clone(),
            }) {
                session.pump();
            }
        }
    }
}

/// See the module.
pub(crate) struct Hub {
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("limits", &self.sessions.limits)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub whose frames `encode` makes, on the store that `store` builds for it.
    pub(crate) fn new(
        limits: HubLimits,
        encode: Encode,
        metrics: Arc<Metrics>,
        store: impl FnOnce(Arc<dyn Announce>) -> Arc<dyn Store>,
    ) -> Self {
        let sessions = Arc::new(Sessions {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            encode,
            limits,
            budget: Arc::new(Budget::new(limits.all_logs)),
            metrics,
            evicting: Mutex::new(()),
        });
        let store = store(Arc::clone(&sessions) as Arc<dyn Announce>);
        Self { sessions, store }
    }

    /// Bytes that all logs hold.
    pub(crate) fn bytes(&self) -> usize {
        self.sessions.budget.used()
    }

    /// Publishes events of one app: all or none. `Ok` means that they are in the log; the receipts
    /// come in the order sent. Waits where delivery has fallen far behind, for nothing else, and a
    /// caller that goes away half-way leaves nothing half done.
    ///
    /// # Errors
    /// Then nothing was published; see [`PublishError`].
    pub(crate) async fn publish(
        &self,
        app: AppIndex,
        events: Vec<Event>,
    ) -> Result<Vec<Receipt>, PublishError> {
        self.wait_for_pumps(app, &events).await?;
        let sessions: Vec<SessionId> = events
            .iter()
            .map(|event| event.session_id.clone())
            .collect();
        let events = events
            .into_iter()
            .map(|event| NewEvent {
                id: Uuid::now_v7(),
                fingerprint: event.fingerprint(),
                event,
            })
            .collect();
        let appended = self.store.append(app, events).await?;
        self.evict();
        let receipt = |(appended, session_id): (crate::store::Appended, SessionId)| Receipt {
            id: appended.id.to_string(),
            session_id,
            seq: appended.cursor.seq,
            cursor: appended.cursor,
            duplicate: appended.duplicate,
        };
        Ok(appended.into_iter().zip(sessions).map(receipt).collect())
    }

    async fn wait_for_pumps(&self, app: AppIndex, events: &[Event]) -> Result<(), PublishError> {
        let mut loads: Vec<(&SessionId, usize, usize)> = Vec::new();
        for event in events {
            let bytes = event.payload.as_str().len();
            match loads.iter_mut().find(|(id, ..)| *id == &event.session_id) {
                Some((_, count, sum)) => {
                    *count += 1;
                    *sum += bytes;
                }
                None => loads.push((&event.session_id, 1, bytes)),
            }
        }
        for (id, count, bytes) in loads {
            let key = SessionKey {
                app,
                id: id.clone(),
            };
            if let Some(session) = self.sessions.get(&key)
                && !session
                    .wait_for_pump(count, bytes, self.sessions.limits.patience)
                    .await
            {
                return Err(PublishError::Unavailable { retry_after: 1 });
            }
        }
        Ok(())
    }

    /// Takes a seat in a session, which begins to exist with that. `cursor` is what the client sent,
    /// `Err` where it is no cursor; whatever it is, the answer is a place without a hole after it.
    ///
    /// # Errors
    /// The log cannot be read now.
    pub(crate) async fn join(
        &self,
        key: &SessionKey,
        reader: &Arc<dyn Reader>,
        cursor: Option<Result<Cursor, ()>>,
    ) -> Result<(Arc<Session>, Joined), Unavailable> {
        loop {
            let session = self.open(key).await?;
            if let Ok(joined) = session.join(Arc::clone(reader), cursor) {
                return Ok((session, joined));
            }
        }
    }

    /// A page of a session's log, which begins to exist with that, so that the page's cursor is one.
    /// `after` is what the client sent, `Err` where it is no cursor; without it the page begins with
    /// the oldest event that is held.
    ///
    /// # Errors
    /// The log cannot be read now. The inner error: it does not serve that place.
    pub(crate) async fn read(
        &self,
        key: &SessionKey,
        after: Option<Result<Cursor, ()>>,
        limits: PageLimits,
    ) -> Result<Result<Page, Gone>, Unavailable> {
        loop {
            let session = self.open(key).await?;
            if let Ok(page) = session.read(after, limits) {
                return Ok(page);
            }
        }
    }

    async fn open(&self, key: &SessionKey) -> Result<Arc<Session>, Unavailable> {
        if let Some(session) = self.sessions.get(key) {
            return Ok(session);
        }
        let head = self.store.open(key).await?;
        Ok(self.sessions.get_or_begin(key, head))
    }

    /// Bytes that remember nonces.
    pub(crate) fn nonce_bytes(&self) -> usize {
        self.store.nonce_bytes()
    }

    /// Trims by age and drops sessions that idle; to be called about once a second.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        for session in self.sessions.all() {
            session.trim(now);
            if session.idle() > self.sessions.limits.idle && session.readers() == 0 {
                self.drop_session(&session, self.sessions.limits.idle);
            }
        }
    }

    fn drop_session(&self, session: &Arc<Session>, idle: Duration) -> bool {
        let mut dropped = false;
        self.store.forget(session.key(), &mut || {
            dropped = self.sessions.drop_if_idle(session, idle);
            dropped
        });
        dropped
    }

    /// Frees memory when all logs hold too much: idle sessions, the longest idle first, then the
    /// oldest events of the largest logs.
    fn evict(&self) {
        let budget = &self.sessions.budget;
        if budget.excess() == 0 {
            return;
        }
        let Some(_one) = self.sessions.evicting.try_lock() else {
            return;
        };
        let goal = budget
            .used()
            .saturating_sub(budget.excess() + budget.slack());
        let mut sessions = self.sessions.all();
        sessions.sort_by_cached_key(|session| std::cmp::Reverse(session.idle()));
        for session in &sessions {
            if budget.used() <= goal {
                return;
            }
            if session.idle() > EVICTABLE_IDLE && session.readers() == 0 && session.bytes() > 0 {
                self.drop_session(session, EVICTABLE_IDLE);
            }
        }
        let mut by_size: BinaryHeap<(usize, usize)> = sessions
            .iter()
            .enumerate()
            .map(|(index, session)| (session.bytes(), index))
            .collect();
        while budget.used() > goal {
            let Some((bytes, index)) = by_size.pop() else {
                return;
            };
            // A quarter at a time, so that the largest logs shrink together.
            let over = budget.used().saturating_sub(goal);
            if sessions[index].shed(over.min(bytes / 4).max(1)) > 0 {
                sessions[index].pump();
                by_size.push((sessions[index].bytes(), index));
            }
        }
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests;
