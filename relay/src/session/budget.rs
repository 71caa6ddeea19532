//! What all logs of the process may hold together.
#![cfg_attr(
    feature = "model",
    allow(dead_code, unused_imports, reason = "the model has no clock to move")
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of all logs, and the clock by which they idle.
#[derive(Debug)]
pub(crate) struct Budget {
    began: Instant,
    used: AtomicUsize,
    limit: usize,
    #[cfg(test)]
    skipped_ms: std::sync::atomic::AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes for all logs together.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            began: Instant::now(),
            used: AtomicUsize::new(0),
            limit,
            #[cfg(test)]
            skipped_ms: 0.into(),
        }
    }

    /// Milliseconds since this budget began.
    pub(super) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        #[cfg(test)]
        let passed = passed + self.skipped_ms.load(Ordering::SeqCst);
        passed
    }

    /// Moves the clock on.
    #[cfg(test)]
    pub(super) fn skip(&self, time: std::time::Duration) {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.skipped_ms.fetch_add(time, Ordering::SeqCst);
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
