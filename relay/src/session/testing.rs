//! Readers for the tests of this room: clients that keep what their socket took.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, Epoch, ResyncReason, SessionId};
use parking_lot::Mutex;

use super::budget::Budget;
use super::log::LogLimits;
use super::outbox::{Batch, Link, Outbox, Progress, Run};
use super::session::{Joined, Reader, Session};
use super::{Frame, Hub};
use crate::store::SessionKey;

/// Kind, epoch, seq, length, content.
pub(super) fn frame(kind: u8, cursor: Cursor, content: &[u8]) -> Frame {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&cursor.epoch.0.to_be_bytes());
    bytes.extend_from_slice(&cursor.seq.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(content);
    Arc::from(bytes)
}

/// What [`frame`] puts before the content.
pub(super) const HEAD: usize = 21;

/// What a client was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Event(Cursor, String),
    Resync(Cursor),
}

/// A client whose socket takes everything, or nothing while it is stalled.
#[derive(Default)]
pub(super) struct Client {
    outbox: Mutex<Outbox>,
    wire: Mutex<Vec<u8>>,
    stalled: AtomicBool,
    reasons: Mutex<Vec<ResyncReason>>,
    offers: AtomicUsize,
}

impl Link for Client {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        if self.stalled.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = run.frames.concat();
        let bytes = &bytes[run.skip..];
        self.wire.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.reasons.lock().push(reason);
        frame(b'R', cursor, b"")
    }
}

impl Reader for Client {
    fn offer(&self, batch: &Batch<'_>) {
        self.offers.fetch_add(1, Ordering::SeqCst);
        let progress = self.outbox.lock().offer(batch, self);
        assert_ne!(progress, Progress::Broken);
    }
}

/// Lets others run until this holds.
pub(super) async fn until(holds: impl Fn() -> bool) {
    let holds = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let deadline = Duration::from_secs(10);
    let held = tokio::time::timeout(deadline, holds).await;
    assert!(held.is_ok(), "it never came");
}

/// A client and its seat.
pub(super) struct Member {
    pub(super) client: Arc<Client>,
    pub(super) session: Arc<Session>,
    pub(super) joined: Joined,
}

impl Client {
    pub(super) fn sit(session: &Arc<Session>, cursor: Option<Cursor>) -> Member {
        let client = Arc::new(Self::default());
        let reader = Arc::clone(&client) as Arc<dyn Reader>;
        let joined = session.join(reader, cursor.map(Ok)).unwrap();
        Member::begin(client, Arc::clone(session), joined)
    }

    pub(super) async fn join(hub: &Hub, key: &SessionKey, cursor: Option<Cursor>) -> Member {
        let client = Arc::new(Self::default());
        let reader = Arc::clone(&client) as Arc<dyn Reader>;
        let (session, joined) = hub.join(key, &reader, cursor.map(Ok)).await.unwrap();
        Member::begin(client, session, joined)
    }
}

impl Member {
    fn begin(client: Arc<Client>, session: Arc<Session>, joined: Joined) -> Self {
        client.outbox.lock().join(joined.cursor);
        let member = Self {
            client,
            session,
            joined,
        };
        member.drive();
        member
    }

    /// What the client's own task does when it is behind.
    pub(super) fn drive(&self) {
        let mut outbox = self.client.outbox.lock();
        while outbox.behind() && !self.client.stalled.load(Ordering::SeqCst) {
            outbox.drive(Some(self.session.log()), 1 << 16, &*self.client);
        }
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.client.stalled.store(stalled, Ordering::SeqCst);
    }

    pub(super) fn leave(&self) {
        self.client.outbox.lock().leave();
        self.session.leave(self.joined.seat);
    }

    pub(super) fn offers(&self) -> usize {
        self.client.offers.load(Ordering::SeqCst)
    }

    pub(super) fn reasons(&self) -> Vec<ResyncReason> {
        self.client.reasons.lock().clone()
    }

    /// Everything sent, checked: from where it joined on, each event once and in order, or a resync.
    pub(super) fn sent(&self) -> Vec<Sent> {
        let wire = self.client.wire.lock();
        let mut rest = &wire[..];
        let mut at = self.joined.cursor;
        let mut sent = Vec::new();
        while !rest.is_empty() {
            let number = |from: usize| u64::from_be_bytes(rest[from..from + 8].try_into().unwrap());
            let cursor = Cursor {
                epoch: Epoch(number(1)),
                seq: number(9),
            };
            let length = u32::from_be_bytes(rest[17..HEAD].try_into().unwrap()) as usize;
            let content = String::from_utf8(rest[HEAD..HEAD + length].to_vec()).unwrap();
            if rest[0] == b'E' {
                assert_eq!(cursor.epoch, at.epoch, "another life, untold");
                assert_eq!(cursor.seq, at.seq + 1, "a hole, a repeat or a reorder");
                sent.push(Sent::Event(cursor, content));
            } else {
                sent.push(Sent::Resync(cursor));
            }
            at = cursor;
            rest = &rest[HEAD + length..];
        }
        sent
    }

    /// The seqs of the events that it was sent.
    pub(super) fn seqs(&self) -> Vec<u64> {
        let seq = |sent| match sent {
            Sent::Event(cursor, _) => Some(cursor.seq),
            Sent::Resync(_) => None,
        };
        self.sent().into_iter().filter_map(seq).collect()
    }
}

// ---- one session by itself ----

const EPOCH: Epoch = Epoch(7);
pub(super) const WIDE: LogLimits = LogLimits {
    events: 1000,
    age: Duration::from_secs(600),
    bytes: 1 << 20,
};

pub(super) fn at(seq: u64) -> Cursor {
    Cursor { epoch: EPOCH, seq }
}

pub(super) fn session_with(limits: LogLimits) -> Arc<Session> {
    let key = SessionKey {
        app: 0,
        id: SessionId::parse("s").unwrap(),
    };
    let budget = Arc::new(Budget::new(1 << 30));
    Arc::new(Session::new(key, at(0), limits, budget))
}

pub(super) fn session() -> Arc<Session> {
    session_with(WIDE)
}

pub(super) fn append(session: &Session, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        session.append(at(seq), frame(b'E', at(seq), b"12345"), Instant::now());
    }
}

pub(super) fn publish(session: &Arc<Session>, seqs: std::ops::RangeInclusive<u64>) {
    append(session, seqs);
    session.pump();
}

pub(super) fn sit_many(session: &Arc<Session>, count: usize) -> Vec<Member> {
    (0..count).map(|_| Client::sit(session, None)).collect()
}
