//! The hand-over between pump and readers under shuttle, which tries interleavings of the real code:
//! publishers, readers that come and go, links that take a part, all or nothing, and a log so short
//! that readers fall out of it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, Epoch, ResyncReason, SessionId};
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use super::budget::Budget;
use super::log::{Frame, LogLimits};
use super::outbox::{Batch, Link, Outbox, Progress, Run};
use super::session::{Reader, Session};
use super::sync::Mutex;
use crate::store::SessionKey;

const EPOCH: Epoch = Epoch(7);
const LENGTH: usize = 9;

fn frame(kind: u8, seq: u64) -> Frame {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&seq.to_be_bytes());
    Arc::from(bytes)
}

/// A client: what its socket took, byte by byte.
struct Client {
    outbox: Mutex<Outbox>,
    wire: std::sync::Mutex<Vec<u8>>,
}

impl Link for Client {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        let bytes = run.frames.concat();
        if let Some(joined) = run.joined {
            assert_eq!(joined, bytes, "both forms of a batch are the same bytes");
        }
        let bytes = &bytes[run.skip..];
        let taken = match thread_rng().gen_range(0..4) {
            0 => return Err(io::ErrorKind::WouldBlock.into()),
            1 => thread_rng().gen_range(1..=bytes.len()),
            _ => bytes.len(),
        };
        self.wire.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn resync(&self, _: ResyncReason, cursor: Cursor) -> Frame {
        frame(b'R', cursor.seq)
    }
}

impl Reader for Client {
    fn offer(&self, batch: &Batch<'_>) {
        let progress = self.outbox.lock().offer(batch, self);
        assert_ne!(progress, Progress::Broken);
    }
}

impl Client {
    fn new() -> Arc<Self> {
        let (outbox, wire) = (Mutex::new(Outbox::default()), std::sync::Mutex::default());
        Arc::new(Self { outbox, wire })
    }

    /// Lives as a connection does: joins, and drives itself whenever it is behind.
    fn live(self: &Arc<Self>, session: &Session, cursor: Option<Cursor>, done: &AtomicBool) -> u64 {
        let joined = session
            .join(Arc::clone(self) as Arc<dyn Reader>, cursor.map(Ok))
            .unwrap();
        self.outbox.lock().join(joined.cursor);
        loop {
            let over = done.load(Ordering::SeqCst);
            let mut outbox = self.outbox.lock();
            if outbox.behind() {
                outbox.drive(Some(session.log()), 2 * LENGTH, &**self);
            } else if over {
                break;
            }
            drop(outbox);
            thread::yield_now();
        }
        session.leave(joined.seat);
        self.read(joined.cursor.seq)
    }

    /// What the client makes of its bytes: from `place` on, each event once and in order, or a resync.
    fn read(&self, mut place: u64) -> u64 {
        let wire = self.wire.lock().unwrap();
        assert_eq!(wire.len() % LENGTH, 0, "no frame is cut");
        for frame in wire.chunks(LENGTH) {
            let seq = u64::from_be_bytes(frame[1..].try_into().unwrap());
            match frame[0] {
                b'E' => assert_eq!(seq, place + 1, "a hole, a repeat or a reorder"),
                b'R' => assert!(seq >= place, "a resync never goes back"),
                other => panic!("a frame of kind {other}"),
            }
            place = seq;
        }
        place
    }
}

/// What numbers the events, as a store does: one at a time.
struct Numbers(Mutex<u64>);

impl Numbers {
    fn publish(&self, session: &Arc<Session>, epoch: Epoch) {
        {
            let mut head = self.0.lock();
            *head += 1;
            session.append(
                Cursor { epoch, seq: *head },
                frame(b'E', *head),
                Instant::now(),
            );
        }
        session.pump();
    }
}

fn session(events: usize) -> Arc<Session> {
    let key = SessionKey {
        app: 0,
        id: SessionId::parse("model").unwrap(),
    };
    let limits = LogLimits {
        events,
        age: Duration::from_secs(600),
        bytes: 1 << 20,
    };
    let head = Cursor {
        epoch: EPOCH,
        seq: 0,
    };
    Arc::new(Session::new(
        key,
        head,
        limits,
        Arc::new(Budget::new(1 << 30)),
    ))
}

fn round(log_events: usize, publishers: usize, each: u64, readers: usize) {
    let session = session(log_events);
    let numbers = Arc::new(Numbers(Mutex::new(0)));
    let done = Arc::new(AtomicBool::new(false));
    let publish = |_| {
        let (session, numbers) = (Arc::clone(&session), Arc::clone(&numbers));
        thread::spawn(move || (0..each).for_each(|_| numbers.publish(&session, EPOCH)))
    };
    let publishing: Vec<_> = (0..publishers).map(publish).collect();
    let read = |index| {
        let (session, done) = (Arc::clone(&session), Arc::clone(&done));
        let cursor = (index % 2 == 1).then_some(Cursor {
            epoch: EPOCH,
            seq: 0,
        });
        thread::spawn(move || Client::new().live(&session, cursor, &done))
    };
    let reading: Vec<_> = (0..readers).map(read).collect();
    publishing
        .into_iter()
        .for_each(|publisher| publisher.join().unwrap());
    done.store(true, Ordering::SeqCst);
    for reader in reading {
        let place = reader.join().unwrap();
        assert_eq!(
            place,
            publishers as u64 * each,
            "a reader that lives on has everything"
        );
    }
}

#[test]
fn readers_miss_repeat_and_reorder_nothing() {
    shuttle::check_random(|| round(100, 2, 4, 2), 1_000);
}

#[test]
fn readers_that_fall_out_of_the_log_are_told() {
    shuttle::check_random(|| round(2, 2, 5, 2), 1_000);
}

#[test]
fn rare_orders_change_nothing() {
    shuttle::check_pct(|| round(3, 2, 3, 2), 1_000, 3);
}

#[test]
fn a_log_that_begins_another_life_is_told_too() {
    shuttle::check_random(
        || {
            let session = session(100);
            let numbers = Numbers(Mutex::new(0));
            let done = Arc::new(AtomicBool::new(false));
            let client = Client::new();
            let living = {
                let (session, done) = (Arc::clone(&session), Arc::clone(&done));
                let client = Arc::clone(&client);
                thread::spawn(move || client.live(&session, None, &done))
            };
            numbers.publish(&session, EPOCH);
            numbers.publish(&session, EPOCH);
            numbers.publish(&session, Epoch(8)); // seq 3 of another life
            done.store(true, Ordering::SeqCst);
            assert_eq!(living.join().unwrap(), 3);
        },
        1_000,
    );
}
