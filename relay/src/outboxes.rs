//! What waits for all clients together, and who goes when it is too much: the slowest, whatever it came by.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Bytes that wait in all outboxes.
#[derive(Debug)]
pub(crate) struct Outboxes {
    waiting: AtomicUsize,
    limit: usize,
    too_much: Notify,
}

/// A client that does not take what it is sent.
pub(crate) struct Slow {
    /// How long it has taken nothing.
    pub(crate) stalled: Duration,
    /// How many bytes wait for it.
    pub(crate) waiting: usize,
    /// Ends it at once.
    pub(crate) cut: Box<dyn FnOnce() + Send>,
}

impl Outboxes {
    /// A bound of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: AtomicUsize::new(0),
            limit,
            too_much: Notify::new(),
        }
    }

    /// Bytes that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes that one outbox went from `before` to `after` bytes.
    pub(crate) fn count(&self, before: usize, after: usize) {
        if after == before {
            return;
        }
        if after < before {
            self.waiting.fetch_sub(before - after, Ordering::Relaxed);
            return;
        }
        let all = self.waiting.fetch_add(after - before, Ordering::Relaxed) + (after - before);
        if all > self.limit {
            self.too_much.notify_one();
        }
    }

    /// Cuts clients that have taken nothing for the longest time, as long as all hold too much. `slow` finds
    /// them. Never ends.
    pub(crate) async fn keep(&self, slow: impl Fn() -> Vec<Slow>) {
        loop {
            self.too_much.notified().await;
            self.cut_the_slowest(slow());
        }
    }

    fn cut_the_slowest(&self, mut slow: Vec<Slow>) {
        let mut over = self.waiting().saturating_sub(self.limit);
        slow.sort_by_key(|slow| Reverse(slow.stalled));
        for slow in slow {
            if over == 0 {
                return;
            }
            over = over.saturating_sub(slow.waiting);
            (slow.cut)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn the_slowest_go_until_the_rest_is_in_bounds() {
        let outboxes = Outboxes::new(100);
        outboxes.count(0, 160);
        let cut = Arc::new(Mutex::new(Vec::new()));
        let slow = |name: u64, waiting| {
            let cut = Arc::clone(&cut);
            Slow {
                stalled: Duration::from_secs(name),
                waiting,
                cut: Box::new(move || cut.lock().push(name)),
            }
        };
        outboxes.cut_the_slowest(vec![slow(1, 40), slow(3, 30), slow(2, 40), slow(0, 50)]);
        assert_eq!(*cut.lock(), [3, 2]);
        outboxes.count(160, 90);
        outboxes.cut_the_slowest(vec![slow(9, 90)]);
        assert_eq!(*cut.lock(), [3, 2]);
    }
}
