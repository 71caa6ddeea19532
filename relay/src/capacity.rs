//! How many connections the process can hold, and how many it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::Metrics;

/// File descriptors that are kept for all else: the listener, logs, the runtime, refusals.
const RESERVED_FILES: u64 = 64;

/// How many connections this process can hold, by its limit of open files, which is raised as far as
/// it may be.
pub(crate) fn capacity() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it may not be raised, what there is must do.
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = files
        .unwrap_or(1 << 20)
        .saturating_sub(RESERVED_FILES)
        .max(1);
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// The connections that are open now.
#[derive(Debug)]
pub(crate) struct Open {
    count: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Open {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(0),
            metrics,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one more, for as long as its permit lives.
    pub(crate) fn permit(self: &Arc<Self>) -> Permit {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.metrics.open_connections.inc();
        Permit(Arc::clone(self))
    }
}

/// A connection's place among the open ones.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Open>);

impl Permit {
    /// All that are open.
    pub(crate) fn all(&self) -> Arc<Open> {
        Arc::clone(&self.0)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.open_connections.dec();
    }
}
