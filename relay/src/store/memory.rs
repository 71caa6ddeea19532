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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;
    use std::sync::{OnceLock, Weak};
    use std::time::Duration;

    use forge_relay_core::{Event, Rules};
    use futures_util::FutureExt;

    use super::*;

    /// What was announced.
    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Heard {
        Appended(AppIndex, String, u64),
        Deliver(AppIndex, Vec<String>),
    }

    #[derive(Default)]
    struct Recorder {
        heard: Mutex<Vec<Heard>>,
        store: OnceLock<Weak<MemoryStore>>,
    }

    impl Recorder {
        fn locked(&self, app: AppIndex) -> bool {
            let store = self.store.get().and_then(Weak::upgrade).unwrap();
            store.app(app).try_lock().is_none()
        }
    }

    impl Announce for Recorder {
        fn appended(&self, app: AppIndex, event: &NewEvent, cursor: Cursor) {
            assert!(self.locked(app), "in the order of the seqs");
            let nonce = event.event.nonce.as_str().to_owned();
            self.heard
                .lock()
                .push(Heard::Appended(app, nonce, cursor.seq));
        }

        fn deliver(&self, app: AppIndex, sessions: &[SessionId]) {
            let sessions = sessions.iter().map(|id| id.as_str().to_owned()).collect();
            self.heard.lock().push(Heard::Deliver(app, sessions));
        }
    }

    fn store_of(apps: usize, nonces: usize) -> (Arc<MemoryStore>, Arc<Recorder>) {
        let limits = NonceLimits {
            age: Duration::from_secs(600),
            bytes: nonces * 128,
        };
        let recorder = Arc::new(Recorder::default());
        let announce = Arc::clone(&recorder) as Arc<dyn Announce>;
        let store = Arc::new(MemoryStore::new(apps, limits, announce));
        recorder.store.set(Arc::downgrade(&store)).unwrap();
        (store, recorder)
    }

    fn store() -> (Arc<MemoryStore>, Arc<Recorder>) {
        store_of(1, 1000)
    }

    fn stamped(session: &str, nonce: &str, payload: u32, timestamp: &str) -> NewEvent {
        let body = format!(
            r#"{{"sessionId":"{session}","event":"e","payload":{payload},"nonce":"{nonce}","timestamp":"{timestamp}"}}"#
        );
        let event = Event::parse(body.as_bytes(), &Rules::default(), 1_714_557_600).unwrap();
        NewEvent {
            id: Uuid::now_v7(),
            fingerprint: event.fingerprint(),
            event,
        }
    }

    fn new(session: &str, nonce: &str, payload: u32) -> NewEvent {
        stamped(session, nonce, payload, "2024-05-01T10:00:00Z")
    }

    fn append(
        store: &MemoryStore,
        app: AppIndex,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Appended>, AppendError> {
        store.append(app, events).now_or_never().unwrap()
    }

    fn key_of(app: AppIndex, session: &str) -> SessionKey {
        SessionKey {
            app,
            id: SessionId::parse(session).unwrap(),
        }
    }

    fn open(store: &MemoryStore, session: &str) -> Cursor {
        let key = key_of(0, session);
        store.open(&key).now_or_never().unwrap().unwrap()
    }

    fn seqs(answers: &[Appended]) -> Vec<u64> {
        answers.iter().map(|answer| answer.cursor.seq).collect()
    }

    fn appended(nonce: &str, seq: u64) -> Heard {
        Heard::Appended(0, nonce.to_owned(), seq)
    }

    fn delivered(sessions: &[&str]) -> Heard {
        let sessions = sessions.iter().map(|id| (*id).to_owned()).collect();
        Heard::Deliver(0, sessions)
    }

    #[test]
    fn each_log_is_numbered_from_1_without_a_gap_and_announced_in_order() {
        let (store, recorder) = store();
        let batch = vec![new("a", "1", 0), new("b", "2", 0), new("a", "3", 0)];
        let ids: Vec<_> = batch.iter().map(|new| new.id).collect();
        let answers = append(&store, 0, batch).unwrap();
        assert_eq!(seqs(&answers), [1, 1, 2]);
        assert_eq!(
            answers.iter().map(|answer| answer.id).collect::<Vec<_>>(),
            ids
        );
        assert_eq!(
            seqs(&append(&store, 0, vec![new("a", "4", 0)]).unwrap()),
            [3]
        );
        assert_eq!(
            *recorder.heard.lock(),
            [
                appended("1", 1),
                appended("2", 1),
                appended("3", 2),
                delivered(&["a", "b"]),
                appended("4", 3),
                delivered(&["a"]),
            ]
        );
    }

    #[test]
    fn an_opened_log_is_the_one_that_is_published_to() {
        let (store, _) = store();
        let head = open(&store, "a");
        assert_eq!((head.seq, open(&store, "a")), (0, head));
        let first = append(&store, 0, vec![new("a", "1", 0)]).unwrap()[0].cursor;
        assert_eq!(first, Cursor { seq: 1, ..head });
        assert_eq!(open(&store, "a"), first);
    }

    #[test]
    fn no_two_lives_share_an_epoch() {
        let (store, _) = store();
        let epochs: HashSet<_> = (0..200)
            .map(|n| open(&store, &n.to_string()).epoch)
            .collect();
        assert_eq!(epochs.len(), 200);
    }

    #[test]
    fn a_nonce_again_is_answered_as_the_first_time_whatever_its_timestamp() {
        let (store, recorder) = store();
        let first = append(&store, 0, vec![new("a", "1", 0)]).unwrap()[0];
        recorder.heard.lock().clear();
        let later = stamped("a", "1", 0, "2024-05-01T10:00:09Z");
        let again = append(&store, 0, vec![later]).unwrap()[0];
        let duplicate = true;
        assert_eq!(again, Appended { duplicate, ..first });
        assert_eq!(
            *recorder.heard.lock(),
            [delivered(&[])],
            "nothing new is delivered"
        );
    }

    #[test]
    fn a_nonce_twice_in_a_batch_is_appended_once() {
        let (store, recorder) = store();
        let batch = vec![new("a", "1", 0), new("a", "2", 0), new("a", "1", 0)];
        let answers = append(&store, 0, batch).unwrap();
        let duplicate = true;
        assert_eq!(
            answers[2],
            Appended {
                duplicate,
                ..answers[0]
            }
        );
        assert!(!answers[0].duplicate && !answers[1].duplicate);
        assert_eq!(
            *recorder.heard.lock(),
            [appended("1", 1), appended("2", 2), delivered(&["a"])]
        );
        assert_eq!(store.nonce_bytes(), 2 * 128);
    }

    #[test]
    fn one_nonce_with_another_event_refuses_the_whole_batch_and_all_such_are_named() {
        let (store, recorder) = store();
        append(&store, 0, vec![new("a", "known", 0)]).unwrap();
        recorder.heard.lock().clear();
        for (batch, conflicts) in [
            (vec![new("a", "1", 0), new("a", "known", 1)], vec![1]),
            (vec![new("b", "known", 0), new("a", "1", 0)], vec![0]),
            (
                vec![new("a", "1", 0), new("a", "1", 1), new("a", "1", 2)],
                vec![1, 2],
            ),
            (
                vec![
                    new("a", "known", 1),
                    new("a", "known", 0),
                    new("a", "1", 0),
                    new("b", "1", 0),
                    new("a", "1", 0),
                ],
                vec![0, 3],
            ),
        ] {
            let refused = append(&store, 0, batch);
            assert_eq!(refused, Err(AppendError::NonceConflict(conflicts)));
        }
        assert!(recorder.heard.lock().is_empty(), "nothing was announced");
        assert_eq!(store.nonce_bytes(), 128, "nothing was remembered");
        let next = append(&store, 0, vec![new("a", "1", 7)]).unwrap()[0];
        assert_eq!(
            (next.cursor.seq, next.duplicate),
            (2, false),
            "no number was used"
        );
    }

    #[test]
    fn a_full_memory_refuses_whole_batches_and_still_knows_what_it_knew() {
        let (store, recorder) = store_of(1, 3);
        let batch = |nonces: &[&str]| nonces.iter().map(|nonce| new("a", nonce, 0)).collect();
        append(&store, 0, batch(&["1", "2"])).unwrap();
        recorder.heard.lock().clear();
        let refused = append(&store, 0, batch(&["3", "4"])).unwrap_err();
        let AppendError::NonceMemoryFull { retry_after } = refused else {
            unreachable!("{refused:?}")
        };
        assert!((600..=661).contains(&retry_after));
        assert!(recorder.heard.lock().is_empty());
        let fits = append(&store, 0, batch(&["1", "3", "3", "2"])).unwrap();
        assert_eq!(seqs(&fits), [1, 3, 3, 2]);
        let known = append(&store, 0, batch(&["1", "2", "3"])).unwrap();
        assert!(known.iter().all(|answer| answer.duplicate));
        assert!(append(&store, 0, batch(&["4"])).is_err());
        // What is wrong for good is told before what is wrong for now.
        let conflict = append(&store, 0, vec![new("a", "4", 0), new("a", "1", 1)]);
        assert_eq!(conflict, Err(AppendError::NonceConflict(vec![1])));
    }

    #[test]
    fn apps_share_logs_nonces_and_memory_with_nobody() {
        let (store, recorder) = store_of(2, 4);
        let mine = append(&store, 0, vec![new("a", "1", 0)]).unwrap()[0];
        let theirs = append(&store, 1, vec![new("a", "1", 1)]).unwrap()[0];
        assert!(!theirs.duplicate);
        assert_eq!((mine.cursor.seq, theirs.cursor.seq), (1, 1));
        assert_ne!(mine.cursor.epoch, theirs.cursor.epoch);
        append(&store, 0, vec![new("a", "2", 0)]).unwrap();
        assert!(
            append(&store, 0, vec![new("a", "3", 0)]).is_err(),
            "its half is full"
        );
        assert!(append(&store, 1, vec![new("a", "3", 0)]).is_ok());
        store.forget(&key_of(0, "a"), &mut || true);
        let next = append(&store, 1, vec![new("a", "1", 1)]).unwrap()[0];
        assert_eq!((next.duplicate, next.cursor), (true, theirs.cursor));
        let last = recorder.heard.lock().last().cloned();
        assert_eq!(last, Some(Heard::Deliver(1, vec![])));
    }

    #[test]
    fn a_forgotten_log_lives_anew_and_one_that_is_kept_goes_on() {
        let (store, recorder) = store();
        let first = append(&store, 0, vec![new("a", "1", 0)]).unwrap()[0].cursor;
        store.forget(&key_of(0, "a"), &mut || {
            assert!(recorder.locked(0), "nothing is appended meanwhile");
            false
        });
        let second = append(&store, 0, vec![new("a", "2", 0)]).unwrap()[0].cursor;
        assert_eq!(second, Cursor { seq: 2, ..first });
        store.forget(&key_of(0, "a"), &mut || true);
        let again = append(&store, 0, vec![new("a", "1", 0), new("a", "3", 0)]).unwrap();
        assert_eq!(again[0].cursor, first, "a nonce outlives its log");
        assert_eq!(again[1].cursor.seq, 1);
        assert_ne!(again[1].cursor.epoch, first.epoch);
    }

    #[test]
    fn what_is_announced_is_without_a_lock_when_it_is_to_be_delivered() {
        struct Unlocked(OnceLock<Weak<MemoryStore>>);
        impl Announce for Unlocked {
            fn appended(&self, _: AppIndex, _: &NewEvent, _: Cursor) {}

            fn deliver(&self, app: AppIndex, _: &[SessionId]) {
                let store = self.0.get().and_then(Weak::upgrade).unwrap();
                assert!(store.app(app).try_lock().is_some());
            }
        }
        let announce = Arc::new(Unlocked(OnceLock::new()));
        let limits = NonceLimits {
            age: Duration::from_secs(600),
            bytes: 1280,
        };
        let store = Arc::new(MemoryStore::new(1, limits, Arc::clone(&announce) as _));
        announce.0.set(Arc::downgrade(&store)).unwrap();
        append(&store, 0, vec![new("a", "1", 0)]).unwrap();
    }

    #[test]
    fn publishers_at_the_same_time_get_one_order_without_gaps() {
        let (store, recorder) = store();
        std::thread::scope(|scope| {
            for publisher in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for n in 0..50 {
                        let batch = vec![
                            new("a", &format!("{publisher}.{n}.1"), 0),
                            new("a", &format!("{publisher}.{n}.2"), 0),
                        ];
                        let seqs = seqs(&append(store, 0, batch).unwrap());
                        assert_eq!(seqs[0] + 1, seqs[1], "a batch stays together");
                    }
                });
            }
        });
        let heard = recorder.heard.lock();
        let seqs = heard.iter().filter_map(|heard| match heard {
            Heard::Appended(_, _, seq) => Some(*seq),
            Heard::Deliver(..) => None,
        });
        assert!(seqs.eq(1..=400), "in the order of the seqs");
    }
}
