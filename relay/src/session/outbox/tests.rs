//! The outbox against any link: what goes over the wire is whole frames, in order, each once.

#![allow(clippy::unwrap_used, clippy::panic)]

mod histories;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::*;
use crate::session::log::LogLimits;

const EPOCH: Epoch = Epoch(7);
const LIMIT: usize = 100;
const WIDE: LogLimits = LogLimits {
    events: 100_000,
    age: Duration::from_secs(600),
    bytes: 1 << 30,
};

// ---- a wire that can be read back ----

/// Kind, number, length, padding.
fn frame(kind: u8, number: u64, padding: usize) -> Frame {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(padding).unwrap().to_be_bytes());
    bytes.resize(13 + padding, b'.');
    Arc::from(bytes)
}

/// The whole frames on the wire, and how many bytes of a cut one follow.
fn frames_on(wire: &[u8]) -> (Vec<(u8, u64)>, usize) {
    let mut frames = Vec::new();
    let mut rest = wire;
    while let Some(head) = rest.get(..13) {
        let number = u64::from_be_bytes(head[1..9].try_into().unwrap());
        let padding = u32::from_be_bytes(head[9..].try_into().unwrap()) as usize;
        let Some(padded) = rest.get(13..13 + padding) else {
            break;
        };
        assert!(
            padded.iter().all(|byte| *byte == b'.'),
            "another frame inside"
        );
        frames.push((head[0], number));
        rest = &rest[13 + padding..];
    }
    (frames, rest.len())
}

/// What a socket does with a write.
#[derive(Debug, Clone, Copy)]
enum Takes {
    All,
    /// This many in 256 parts of it, at least one byte.
    Part(u8),
    Nothing,
    Zero,
    Breaks,
}

/// A link that does what it is told, write by write, and then takes all.
#[derive(Default)]
struct Wire {
    script: RefCell<VecDeque<Takes>>,
    bytes: RefCell<Vec<u8>>,
    writes: Cell<usize>,
    resyncs: RefCell<Vec<(ResyncReason, Cursor)>>,
}

impl Wire {
    fn that(script: impl IntoIterator<Item = Takes>) -> Self {
        Self {
            script: RefCell::new(script.into_iter().collect()),
            ..Self::default()
        }
    }

    fn frames(&self) -> Vec<(u8, u64)> {
        let (frames, cut) = frames_on(&self.bytes.borrow());
        assert_eq!(cut, 0, "no frame is cut");
        frames
    }
}

impl Link for Wire {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        assert!(!run.frames.is_empty());
        assert!(
            run.skip < run.frames[0].len(),
            "at least a byte of the first"
        );
        let bytes = run.frames.concat();
        if let Some(joined) = run.joined {
            assert_eq!(joined, bytes, "both forms are the same bytes");
        }
        let bytes = &bytes[run.skip..];
        self.writes.set(self.writes.get() + 1);
        let taken = match self.script.borrow_mut().pop_front().unwrap_or(Takes::All) {
            Takes::All => bytes.len(),
            Takes::Part(part) => (bytes.len() * usize::from(part) / 256).max(1),
            Takes::Zero => 0,
            Takes::Nothing => return Err(io::ErrorKind::WouldBlock.into()),
            Takes::Breaks => return Err(io::ErrorKind::ConnectionReset.into()),
        };
        self.bytes.borrow_mut().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.resyncs.borrow_mut().push((reason, cursor));
        frame(b'R', cursor.seq, 3)
    }
}

/// A cursor at this place.
fn cursor(place: u64) -> Cursor {
    Cursor {
        epoch: EPOCH,
        seq: place,
    }
}

/// An outbox that has joined at the place and has driven itself.
fn at(place: u64) -> Outbox {
    let mut outbox = Outbox::default();
    outbox.join(cursor(place));
    let log = Mutex::new(Log::new(EPOCH, place));
    assert_eq!(
        outbox.drive(Some(&log), 1000, &Wire::default()),
        Progress::Done
    );
    outbox
}

fn log_of(frames: u64, padding: usize) -> Mutex<Log> {
    let mut log = Log::new(EPOCH, 0);
    for seq in 1..=frames {
        log.push(frame(b'E', seq, padding), Instant::now(), &WIDE);
    }
    Mutex::new(log)
}

fn offer(outbox: &mut Outbox, after: u64, frames: &[Frame], wire: &Wire) -> Progress {
    let joined = frames.concat();
    let batch = Batch {
        epoch: EPOCH,
        after,
        frames,
        joined: &joined,
    };
    outbox.offer(&batch, wire)
}

fn events(seqs: std::ops::RangeInclusive<u64>) -> Vec<Frame> {
    seqs.map(|seq| frame(b'E', seq, 10)).collect()
}

// ---- offers ----

#[test]
fn a_reader_that_has_driven_itself_is_not_behind_and_takes_offers() {
    let mut outbox = Outbox::default();
    outbox.join(cursor(0));
    let wire = Wire::default();
    assert!(outbox.behind());
    assert_eq!(offer(&mut outbox, 0, &events(1..=1), &wire), Progress::Done);
    assert_eq!(wire.frames(), [], "who is behind is not offered to");
    assert_eq!(
        outbox.drive(Some(&log_of(1, 0)), 100, &wire),
        Progress::Done
    );
    assert_eq!(offer(&mut outbox, 1, &events(2..=3), &wire), Progress::Done);
    assert_eq!(wire.frames(), [(b'E', 1), (b'E', 2), (b'E', 3)]);
    assert_eq!((outbox.take_delivered(), outbox.take_delivered()), (3, 0));
}

#[test]
fn who_has_not_joined_or_has_left_gets_no_events() {
    let wire = Wire::default();
    let mut outbox = Outbox::default();
    assert_eq!(offer(&mut outbox, 0, &events(1..=1), &wire), Progress::Done);
    let mut outbox = at(0);
    outbox.leave();
    assert_eq!(offer(&mut outbox, 0, &events(1..=1), &wire), Progress::Done);
    let driven = outbox.drive(Some(&log_of(1, 0)), 100, &wire);
    assert_eq!((driven, outbox.behind()), (Progress::Done, false));
    assert_eq!(wire.frames(), []);
}

#[test]
fn who_leaves_with_nothing_queued_has_nothing_more_to_do() {
    let mut outbox = at(0);
    let wire = Wire::that([Takes::Nothing]);
    assert_eq!(
        offer(&mut outbox, 0, &events(1..=1), &wire),
        Progress::Blocked
    );
    assert!(outbox.behind());
    outbox.leave();
    assert!(!outbox.behind());
}

#[test]
fn of_a_batch_only_what_is_new_is_taken() {
    let wire = Wire::default();
    let mut outbox = at(2);
    assert_eq!(offer(&mut outbox, 0, &events(1..=2), &wire), Progress::Done);
    assert_eq!(wire.frames(), []);
    assert_eq!(offer(&mut outbox, 1, &events(2..=4), &wire), Progress::Done);
    assert_eq!(wire.frames(), [(b'E', 3), (b'E', 4)]);
}

#[test]
fn a_batch_that_begins_after_the_place_makes_the_reader_catch_up() {
    let wire = Wire::default();
    for empty in [false, true] {
        let mut outbox = at(2);
        let frames = if empty { vec![] } else { events(4..=4) };
        assert_eq!(offer(&mut outbox, 3, &frames, &wire), Progress::Blocked);
        assert!(outbox.behind());
        assert_eq!(wire.frames(), []);
    }
}

#[test]
fn a_batch_of_another_life_makes_the_reader_catch_up() {
    let wire = Wire::default();
    let mut outbox = at(2);
    let frames = events(3..=3);
    let batch = Batch {
        epoch: Epoch(8),
        after: 2,
        frames: &frames,
        joined: &frames[0],
    };
    assert_eq!(outbox.offer(&batch, &wire), Progress::Blocked);
    assert_eq!(wire.frames(), []);
    let mut log = Log::new(Epoch(8), 2);
    log.push(frame(b'E', 3, 0), Instant::now(), &WIDE);
    assert_eq!(
        outbox.drive(Some(&Mutex::new(log)), 100, &wire),
        Progress::Done
    );
    assert_eq!(wire.frames(), [(b'R', 3)]);
    assert_eq!(wire.resyncs.borrow()[0].0, ResyncReason::EpochChanged);
    assert_eq!(wire.resyncs.borrow()[0].1.epoch, Epoch(8));
}

#[test]
fn what_was_not_taken_is_caught_up_from_the_log() {
    for takes in [
        Takes::Nothing,
        Takes::Zero,
        Takes::Part(1),
        Takes::Part(130),
    ] {
        let wire = Wire::that([takes]);
        let mut outbox = at(0);
        assert_eq!(
            offer(&mut outbox, 0, &events(1..=4), &wire),
            Progress::Blocked
        );
        assert_eq!(offer(&mut outbox, 4, &events(5..=5), &wire), Progress::Done);
        assert_eq!(
            outbox.drive(Some(&log_of(5, 10)), 1000, &wire),
            Progress::Done
        );
        let expected: Vec<_> = (1..=5).map(|seq| (b'E', seq)).collect();
        assert_eq!(wire.frames(), expected, "{takes:?}");
        assert_eq!(outbox.take_delivered(), 5);
    }
}

#[test]
fn a_frame_taken_to_its_very_end_leaves_nothing_cut() {
    // Two frames of 23 bytes: half of the write is the first one whole.
    let wire = Wire::that([Takes::Part(128)]);
    let mut outbox = at(0);
    assert_eq!(
        offer(&mut outbox, 0, &events(1..=2), &wire),
        Progress::Blocked
    );
    assert_eq!(
        (outbox.place, outbox.queued(), outbox.queue.len()),
        (1, 0, 0)
    );
}

#[test]
fn a_place_that_the_log_no_longer_holds_is_told_and_never_skipped() {
    let wire = Wire::default();
    let mut outbox = at(0);
    offer(&mut outbox, 1, &[], &wire);
    let log = log_of(5, 0);
    log.lock().drop_oldest();
    assert_eq!(outbox.drive(Some(&log), 100, &wire), Progress::Done);
    assert_eq!(wire.frames(), [(b'R', 5)]);
    assert_eq!(wire.resyncs.borrow()[0].0, ResyncReason::FellBehind);
    assert_eq!(offer(&mut outbox, 5, &events(6..=6), &wire), Progress::Done);
    assert_eq!(wire.frames(), [(b'R', 5), (b'E', 6)]);
}

#[test]
fn catching_up_makes_few_large_writes_and_lets_others_run() {
    let wire = Wire::default();
    let count = (FRAMES_A_WRITE * (WRITES_A_TURN + 1)) as u64;
    let log = log_of(count, 0);
    let mut outbox = Outbox::default();
    outbox.join(cursor(0));
    assert_eq!(outbox.drive(Some(&log), usize::MAX, &wire), Progress::More);
    assert_eq!(wire.writes.get(), WRITES_A_TURN);
    assert_eq!(outbox.place, (FRAMES_A_WRITE * WRITES_A_TURN) as u64);
    assert!(outbox.behind());
    assert_eq!(outbox.drive(Some(&log), usize::MAX, &wire), Progress::Done);
    assert_eq!(outbox.take_delivered(), count);

    let by_bytes = Wire::default();
    let mut outbox = Outbox::default();
    outbox.join(cursor(0));
    assert_eq!(
        outbox.drive(Some(&log_of(10, 87)), 250, &by_bytes),
        Progress::Done
    );
    assert_eq!(by_bytes.writes.get(), 5, "two of 100 bytes a write");
}

// ---- control packets ----

#[test]
fn a_control_packet_goes_out_at_once_or_waits_its_turn() {
    let wire = Wire::that([Takes::All, Takes::All, Takes::Part(100)]);
    let mut outbox = at(0);
    let control = |outbox: &mut Outbox, n| outbox.control(frame(b'C', n, 5), LIMIT, &wire);
    assert_eq!(control(&mut outbox, 1), Progress::Done);
    assert_eq!(offer(&mut outbox, 0, &events(1..=1), &wire), Progress::Done);
    assert_eq!(
        offer(&mut outbox, 1, &events(2..=2), &wire),
        Progress::Blocked
    );
    assert_eq!(control(&mut outbox, 2), Progress::Blocked);
    assert_eq!(control(&mut outbox, 3), Progress::Blocked);
    assert_eq!(
        outbox.drive(Some(&log_of(3, 10)), 100, &wire),
        Progress::Done
    );
    assert_eq!(
        wire.frames(),
        [
            (b'C', 1),
            (b'E', 1),
            (b'E', 2),
            (b'C', 2),
            (b'C', 3),
            (b'E', 3)
        ]
    );
}

#[test]
fn a_control_packet_that_is_cut_is_finished_before_anything_else() {
    let wire = Wire::that([Takes::Part(100)]);
    let mut outbox = at(0);
    assert_eq!(
        outbox.control(frame(b'C', 1, 50), LIMIT, &wire),
        Progress::Blocked
    );
    assert!(outbox.behind());
    assert_eq!(offer(&mut outbox, 0, &events(1..=1), &wire), Progress::Done);
    assert_eq!(
        outbox.drive(Some(&log_of(1, 0)), 100, &wire),
        Progress::Done
    );
    assert_eq!(wire.frames(), [(b'C', 1), (b'E', 1)]);
}

#[test]
fn control_packets_wait_up_to_the_limit_and_not_beyond() {
    let wire = Wire::that([Takes::Nothing]);
    let mut outbox = at(0);
    let control = |outbox: &mut Outbox, bytes: usize| {
        outbox.control(frame(b'C', 0, bytes - 13), LIMIT, &wire)
    };
    assert_eq!(control(&mut outbox, 50), Progress::Blocked);
    assert_eq!(control(&mut outbox, 30), Progress::Blocked);
    assert_eq!(control(&mut outbox, 21), Progress::Broken);
    assert_eq!(control(&mut outbox, 20), Progress::Blocked);
    assert_eq!(
        (outbox.queued(), control(&mut outbox, 13)),
        (LIMIT, Progress::Broken)
    );
    assert_eq!(outbox.queued(), LIMIT, "what is refused is not queued");
}

#[test]
fn a_ping_fits_behind_a_large_cut_frame() {
    let wire = Wire::that([Takes::Part(1)]);
    let mut outbox = at(0);
    let large = [frame(b'E', 1, 100 * LIMIT)];
    assert_eq!(offer(&mut outbox, 0, &large, &wire), Progress::Blocked);
    assert!(outbox.queued() > LIMIT);
    assert_eq!(
        outbox.control(frame(b'C', 1, 0), LIMIT, &wire),
        Progress::Blocked
    );
    let fills_it = frame(b'C', 2, LIMIT - 26);
    assert_eq!(outbox.control(fills_it, LIMIT, &wire), Progress::Blocked);
    assert_eq!(
        outbox.control(frame(b'C', 3, 0), LIMIT, &wire),
        Progress::Broken
    );
    outbox.leave();
    assert!(outbox.behind(), "what is queued still goes out");
    assert_eq!(outbox.drive(None, 100, &wire), Progress::Done);
    assert_eq!(wire.frames(), [(b'E', 1), (b'C', 1), (b'C', 2)]);
}

#[test]
fn a_broken_stream_is_told_from_one_that_must_wait() {
    let breaks = || Wire::that([Takes::Breaks]);
    let packet = || frame(b'C', 1, 0);
    assert_eq!(at(0).control(packet(), LIMIT, &breaks()), Progress::Broken);
    assert_eq!(
        offer(&mut at(0), 0, &events(1..=1), &breaks()),
        Progress::Broken
    );
    let mut outbox = Outbox::default();
    outbox.join(cursor(0));
    assert_eq!(
        outbox.drive(Some(&log_of(1, 0)), 9, &breaks()),
        Progress::Broken
    );
    outbox.enqueue(packet());
    assert_eq!(outbox.drive(None, 9, &breaks()), Progress::Broken);
}

#[test]
fn a_caught_up_outbox_owns_no_buffer() {
    let wire = Wire::that([Takes::Nothing]);
    let mut outbox = at(0);
    for n in 0..5 {
        assert_eq!(
            outbox.control(frame(b'C', n, 0), LIMIT, &wire),
            Progress::Blocked
        );
    }
    assert!(outbox.queue.capacity() > 0);
    assert_eq!(
        outbox.drive(Some(&log_of(3, 0)), 100, &wire),
        Progress::Done
    );
    assert_eq!((outbox.queue.capacity(), outbox.queued()), (0, 0));
}
