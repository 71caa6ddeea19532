//! The store of a relay that runs alone.
//!
//! It numbers the logs and remembers the nonces; the events themselves are held once, as frames, by
//! whom they are announced to. One lock an app: nothing crosses apps, and it makes a batch atomic.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use forge_relay_core::{Cursor, Epoch, SessionId};
use parking_lot::Mutex;
use uuid::Uuid;

use super::nonces::{NonceLimits, Nonces, Remembered, key, short};
use super::{
    Announce, AppIndex, AppendError, Appended, NewEvent, SessionKey, Store, StoreFuture,
    Unavailable,
};

struct App {
    /// The newest place of each log.
    heads: HashMap<SessionId, Cursor>,
    nonces: Nonces,
}

/// See the module.
pub(crate) struct MemoryStore {
    apps: Vec<Mutex<App>>,
    announce: Arc<dyn Announce>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("apps", &self.apps.len())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// A store for `apps` apps, which share the memory for nonces evenly.
    pub(crate) fn new(apps: usize, limits: NonceLimits, announce: Arc<dyn Announce>) -> Self {
        let share = NonceLimits {
            bytes: limits.bytes / apps.max(1),
            ..limits
        };
        let app = || {
            Mutex::new(App {
                heads: HashMap::new(),
                nonces: Nonces::new(share),
            })
        };
        Self {
            apps: std::iter::repeat_with(app).take(apps).collect(),
            announce,
        }
    }

    fn append_now(&self, app: AppIndex, events: &[NewEvent]) -> Result<Vec<Appended>, AppendError> {
        let keys: Vec<_> = events
            .iter()
            .map(|new| key(new.event.nonce.as_str()))
            .collect();
        let now = Instant::now();
        let mut state = self.app(app).lock();
        state.nonces.expire(now);

        // Checked whole before anything is appended.
        let mut first_use: HashMap<[u8; 16], usize> = HashMap::with_capacity(events.len());
        let mut conflicts = Vec::new();
        for (index, (new, key)) in events.iter().zip(&keys).enumerate() {
            let known = match state.nonces.get(key) {
                Some(known) => known.fingerprint == short(&new.fingerprint),
                None => {
                    let first = *first_use.entry(*key).or_insert(index);
                    events[first].fingerprint == new.fingerprint
                }
            };
            if !known {
                conflicts.push(index);
            }
        }
        if !conflicts.is_empty() {
            return Err(AppendError::NonceConflict(conflicts));
        }
        state
            .nonces
            .room(first_use.len(), now)
            .map_err(|retry_after| AppendError::NonceMemoryFull { retry_after })?;

        let mut answers = Vec::with_capacity(events.len());
        let mut touched: Vec<SessionId> = Vec::new();
        for (new, key) in events.iter().zip(keys) {
            if let Some(known) = state.nonces.get(&key) {
                let Remembered { id, cursor, .. } = *known;
                answers.push(Appended {
                    id,
                    cursor,
                    duplicate: true,
                });
                continue;
            }
            let session = &new.event.session_id;
            let cursor = match state.heads.get_mut(session) {
                Some(head) => {
                    head.seq += 1;
                    *head
                }
                None => {
                    let first = Cursor {
                        epoch: new_epoch(),
                        seq: 1,
                    };
                    state.heads.insert(session.clone(), first);
                    first
                }
            };
            let fingerprint = short(&new.fingerprint);
            state.nonces.insert(
                key,
                Remembered {
                    fingerprint,
                    id: new.id,
                    cursor,
                },
                now,
            );
            self.announce.appended(app, new, cursor);
            if !touched.contains(session) {
                touched.push(session.clone());
            }
            answers.push(Appended {
                id: new.id,
                cursor,
                duplicate: false,
            });
        }
        drop(state);
        self.announce.deliver(app, &touched);
        Ok(answers)
    }

    fn app(&self, app: AppIndex) -> &Mutex<App> {
        &self.apps[usize::from(app)]
    }
}

/// A new life of a log. 64 random bits: no two lives that a client could mix up share them.
fn new_epoch() -> Epoch {
    // Folded, so that the bits a UUID fixes are random too.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    Epoch(high ^ low)
}

impl Store for MemoryStore {
    fn open<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Result<Cursor, Unavailable>> {
        let mut state = self.app(key.app).lock();
        let head = *state.heads.entry(key.id.clone()).or_insert_with(|| Cursor {
            epoch: new_epoch(),
            seq: 0,
        });
        Box::pin(std::future::ready(Ok(head)))
    }

    fn append(
        &self,
        app: AppIndex,
        events: Vec<NewEvent>,
    ) -> StoreFuture<'_, Result<Vec<Appended>, AppendError>> {
        Box::pin(std::future::ready(self.append_now(app, &events)))
    }

    fn forget(&self, key: &SessionKey, drop_frames: &mut dyn FnMut() -> bool) {
        let mut state = self.app(key.app).lock();
        if drop_frames() {
            state.heads.remove(&key.id);
        }
    }

    fn nonce_bytes(&self) -> usize {
        self.apps.iter().map(|app| app.lock().nonces.bytes()).sum()
    }
}
