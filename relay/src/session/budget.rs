//! What all logs of the process may hold together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of all logs, and the clock by which they idle.
#[derive(Debug)]
pub(crate) struct Budget {
    began: Instant,
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    /// A budget of `limit` bytes for all logs together.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            began: Instant::now(),
            used: AtomicUsize::new(0),
            limit,
        }
    }

    /// Milliseconds since this budget began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Bytes that all logs hold.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many bytes are over the limit.
    pub(super) fn excess(&self) -> usize {
        self.used().saturating_sub(self.limit)
    }

    /// The share of the limit that eviction frees beyond the excess, so that it runs seldom.
    pub(super) fn slack(&self) -> usize {
        self.limit / 16
    }

    /// Notes that a log went from `before` to `after` bytes.
    pub(super) fn changed(&self, before: usize, after: usize) {
        if after >= before {
            self.used.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.used.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}
