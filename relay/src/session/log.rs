//! The recent events of one session, in order, bounded in count, age and bytes.
//!
//! ```text
//!   trimmed      held here                 to come
//!  1 2 3 … ┃ first … … … … … head ┃ head+1 …
//!          ▲                      ▲
//!          floor: the lowest      the place of a reader
//!          place still served     that has everything
//! ```
//!
//! A *place* is the seq of the last event that a reader has; place 0 is before the first event.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_relay_core::{Cursor, Epoch, ResyncReason};

/// One event, encoded once for every client of the session. Opaque to this room.
pub(crate) type Frame = Arc<[u8]>;

/// What bounds the log of one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLimits {
    /// The most events it holds.
    pub(crate) events: usize,
    /// The longest that it holds an event.
    pub(crate) age: Duration,
    /// The most bytes of frames it holds; the newest event always stays.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Entry {
    frame: Frame,
    at: Instant,
}

/// What a reader at some place finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The place is the head: there is nothing to read yet.
    Nothing,
    /// This many frames follow the place and were added to the caller's list.
    Frames(usize),
    /// The events after the place are no longer held.
    Trimmed,
}

/// Where a reader that comes with a cursor, or without one, begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) place: u64,
    pub(crate) resync: Option<ResyncReason>,
}

#[derive(Debug)]
pub(crate) struct Log {
    epoch: Epoch,
    /// The seq of the newest event, whether it is still held or not.
    head: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Log {
    pub(crate) fn new(epoch: Epoch, head: u64) -> Self {
        Self {
            epoch,
            head,
            entries: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The lowest place from which nothing is missing.
    pub(crate) fn floor(&self) -> u64 {
        self.head - self.entries.len() as u64
    }

    /// Bytes of the frames that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn cursor(&self, place: u64) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: place,
        }
    }

    /// Adds the event that follows the head, then trims to `limits`.
    pub(crate) fn push(&mut self, frame: Frame, now: Instant, limits: &LogLimits) {
        self.head += 1;
        self.bytes += frame.len();
        self.entries.push_back(Entry { frame, at: now });
        self.trim(now, limits);
    }

    /// Drops what is too old or too much.
    pub(crate) fn trim(&mut self, now: Instant, limits: &LogLimits) {
        while let Some(oldest) = self.entries.front() {
            let many = self.entries.len() > limits.events;
            let large = self.bytes > limits.bytes && self.entries.len() > 1;
            let old = now.saturating_duration_since(oldest.at) > limits.age;
            if !(many || large || old) {
                break;
            }
            self.drop_oldest();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Drops the oldest event; answers its bytes, 0 where there was none.
    pub(crate) fn drop_oldest(&mut self) -> usize {
        let bytes = self
            .entries
            .pop_front()
            .map_or(0, |entry| entry.frame.len());
        self.bytes -= bytes;
        bytes
    }

    /// Forgets everything: another life of the log begins, whose newest event is `head`.
    pub(crate) fn restart(&mut self, epoch: Epoch, head: u64) {
        *self = Self::new(epoch, head);
    }

    /// Adds to `out` what follows `place`: at least one frame, and as many as fit in `budget` bytes.
    pub(crate) fn after(&self, place: u64, budget: usize, out: &mut Vec<Frame>) -> Found {
        if place >= self.head {
            return Found::Nothing;
        }
        let Some(skip) = place.checked_sub(self.floor()) else {
            return Found::Trimmed;
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let mut count = 0;
        for entry in self.entries.range(skip.min(self.entries.len())..) {
            bytes += entry.frame.len();
            if count > 0 && bytes > budget {
                break;
            }
            out.push(Arc::clone(&entry.frame));
            count += 1;
        }
        Found::Frames(count)
    }

    /// Where a reader begins. `cursor` is what it sent, `Err` where that is no cursor at all.
    ///
    /// Whatever it is, the answer is a place that is served without a hole, and a reason where that
    /// is not the place the reader asked for.
    pub(crate) fn start(&self, cursor: Option<Result<Cursor, ()>>) -> Start {
        let resync = match cursor {
            None => None,
            Some(Err(())) => Some(ResyncReason::UnknownCursor),
            Some(Ok(cursor)) if cursor.epoch != self.epoch => Some(ResyncReason::EpochChanged),
            Some(Ok(cursor)) if cursor.seq > self.head => Some(ResyncReason::UnknownCursor),
            Some(Ok(cursor)) if cursor.seq < self.floor() => Some(ResyncReason::Trimmed),
            Some(Ok(cursor)) => {
                return Start {
                    place: cursor.seq,
                    resync: None,
                };
            }
        };
        Start {
            place: self.head,
            resync,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn frame(bytes: usize) -> Frame {
        Arc::from(vec![0; bytes])
    }

    const WIDE: LogLimits = LogLimits {
        events: 1000,
        age: Duration::from_secs(600),
        bytes: 1 << 20,
    };

    #[test]
    fn a_new_log_serves_its_head_and_nothing_before() {
        let log = Log::new(Epoch(7), 0);
        assert_eq!(log.after(0, 100, &mut Vec::new()), Found::Nothing);
        assert_eq!(
            log.start(None),
            Start {
                place: 0,
                resync: None
            }
        );
    }

    #[test]
    fn a_log_is_bounded_by_count_age_and_bytes() {
        let now = Instant::now();
        let mut log = Log::new(Epoch(7), 0);
        let limits = LogLimits { events: 3, ..WIDE };
        for _ in 0..5 {
            log.push(frame(10), now, &limits);
        }
        assert_eq!((log.floor(), log.head(), log.bytes()), (2, 5, 30));
        log.trim(now, &LogLimits { bytes: 25, ..WIDE });
        assert_eq!((log.floor(), log.bytes()), (3, 20));
        log.trim(now + Duration::from_secs(601), &WIDE);
        assert_eq!((log.floor(), log.head(), log.bytes()), (5, 5, 0));
    }

    #[test]
    fn the_newest_event_stays_however_large_it_is() {
        let mut log = Log::new(Epoch(7), 0);
        let limits = LogLimits { bytes: 10, ..WIDE };
        log.push(frame(50), Instant::now(), &limits);
        assert_eq!((log.floor(), log.head()), (0, 1));
    }

    #[test]
    fn every_cursor_gets_a_place_without_a_hole_or_a_reason() {
        let now = Instant::now();
        let mut log = Log::new(Epoch(7), 10);
        for _ in 0..4 {
            log.push(frame(1), now, &LogLimits { events: 2, ..WIDE });
        }
        let at = |epoch, seq| {
            log.start(Some(Ok(Cursor {
                epoch: Epoch(epoch),
                seq,
            })))
        };
        assert_eq!(
            at(7, 14),
            Start {
                place: 14,
                resync: None
            }
        );
        assert_eq!(
            at(7, 12),
            Start {
                place: 12,
                resync: None
            }
        );
        assert_eq!(
            at(7, 11),
            Start {
                place: 14,
                resync: Some(ResyncReason::Trimmed)
            }
        );
        assert_eq!(
            at(7, 15),
            Start {
                place: 14,
                resync: Some(ResyncReason::UnknownCursor)
            }
        );
        assert_eq!(
            at(8, 13),
            Start {
                place: 14,
                resync: Some(ResyncReason::EpochChanged)
            }
        );
        let garbage = log.start(Some(Err(())));
        assert_eq!(
            garbage,
            Start {
                place: 14,
                resync: Some(ResyncReason::UnknownCursor)
            }
        );
    }

    proptest! {
        /// Whatever is pushed, trimmed and read: a reader that follows `after` sees each seq once,
        /// in order, or is told `Trimmed`.
        #[test]
        fn reading_is_gap_free_or_says_so(
            sizes in proptest::collection::vec(1_usize..60, 1..80),
            events in 1_usize..20,
            bytes in 20_usize..400,
            budget in 1_usize..200,
            place in 0_u64..90,
        ) {
            let now = Instant::now();
            let limits = LogLimits { events, bytes, ..WIDE };
            let mut log = Log::new(Epoch(1), 0);
            for (n, size) in sizes.iter().enumerate() {
                let mut content = vec![0; size + 8];
                content[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
                log.push(Arc::from(content), now, &limits);
                prop_assert!(log.bytes() <= bytes || log.floor() + 1 == log.head());
            }
            let mut at = place;
            loop {
                let mut out = Vec::new();
                match log.after(at, budget, &mut out) {
                    Found::Nothing => { prop_assert!(at >= log.head()); break; }
                    Found::Trimmed => { prop_assert!(at < log.floor()); break; }
                    Found::Frames(count) => {
                        prop_assert!(count > 0 && count == out.len());
                        for frame in out {
                            at += 1;
                            prop_assert_eq!(&frame[..8], &at.to_be_bytes());
                        }
                    }
                }
            }
        }
    }
}
