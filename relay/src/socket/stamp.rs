//! The stamp of a poll, `t` in its query: by it a poll that is sent again is known.
//!
//! ```text
//!  client ── GET …&sid=S&t=PXq1 ──▶ proxy ── GET … t=PXq1 ──▶ relay: events 1 to 3
//!                                     ╳ ◀─────────────────────
//!                                   proxy ── GET … t=PXq1 ──▶ relay: events 4 …, and 1 to 3 are lost
//! ```
//!
//! HTTP lets browsers and proxies send a GET again by themselves when its connection breaks (RFC 9110 §9.2.2), but the
//! answer to a poll is given once. JavaScript and Python clients stamp every request anew, by default, to get past
//! caches. Others do not: without a stamp nothing is known, and a poll that is sent again is a poll.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU64;

/// How many polls are remembered. A poll that is sent again comes at once, if it comes.
const REMEMBERED: usize = 8;

/// A stamp's hash, which is all that is kept of what a client may make as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(NonZeroU64);

impl Stamp {
    pub(super) fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(NonZeroU64::MIN | hasher.finish())
    }
}

/// The stamps of the last polls.
#[derive(Debug)]
pub(super) struct Stamps {
    /// Of the request that opened the connection. Who polls with the same has a `t` of its own that never changes.
    opening: Option<Stamp>,
    last: [Option<Stamp>; REMEMBERED],
    next: usize,
}

impl Stamps {
    pub(super) fn new(opening: Option<Stamp>) -> Self {
        Self {
            opening,
            last: [None; REMEMBERED],
            next: 0,
        }
    }

    /// Whether a poll with this stamp was here before. Remembers it.
    pub(super) fn repeats(&mut self, stamp: Option<Stamp>) -> bool {
        if stamp.is_none() || stamp == self.opening {
            return false;
        }
        if self.last.contains(&stamp) {
            return true;
        }
        self.last[self.next] = stamp;
        self.next = (self.next + 1) % REMEMBERED;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeats(stamps: &mut Stamps, text: &str) -> bool {
        stamps.repeats(Some(Stamp::of(text)))
    }

    #[test]
    fn a_stamp_is_new_once() {
        let mut stamps = Stamps::new(Some(Stamp::of("0")));
        for n in 1..100_u32 {
            assert!(!repeats(&mut stamps, &n.to_string()));
            assert!(repeats(&mut stamps, &n.to_string()));
            for before in n.saturating_sub(7).max(1)..n {
                assert!(repeats(&mut stamps, &before.to_string()), "{before} {n}");
            }
        }
    }

    #[test]
    fn what_is_not_there_and_what_never_changes_tells_nothing() {
        for opening in [None, Some(Stamp::of("dark"))] {
            let mut stamps = Stamps::new(opening);
            assert!(!stamps.repeats(None));
            assert!(!stamps.repeats(None));
        }
        let mut stamps = Stamps::new(Some(Stamp::of("dark")));
        assert!(!repeats(&mut stamps, "dark"));
        assert!(!repeats(&mut stamps, "dark"));
    }
}
