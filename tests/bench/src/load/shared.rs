use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What reader threads and the main thread tell each other. Readers write once per pass over their sockets, not per event.
pub(crate) struct Shared {
    clock: Instant,
    /// Clients that are in their session.
    pub(crate) joined: AtomicUsize,
    /// Events that arrived since the start, for each reader.
    pub(crate) deliveries: Vec<AtomicU64>,
    /// Bytes that were read by the time of the last of these, for each reader.
    pub(crate) received: Vec<AtomicU64>,
    /// When the last one arrived, in microseconds of the clock.
    pub(crate) last_delivery: AtomicU64,
    /// Events sent from here on are measured.
    pub(crate) measured_from: AtomicU64,
    pub(crate) stop: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(readers: usize) -> Self {
        Self {
            clock: Instant::now(),
            joined: AtomicUsize::new(0),
            deliveries: (0..readers).map(|_| AtomicU64::new(0)).collect(),
            received: (0..readers).map(|_| AtomicU64::new(0)).collect(),
            last_delivery: AtomicU64::new(0),
            measured_from: AtomicU64::new(u64::MAX),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// Microseconds since the start: the one clock of sending and receiving.
    pub(crate) fn now(&self) -> u64 {
        self.clock.elapsed().as_micros() as u64
    }

    pub(crate) fn delivered(&self) -> u64 {
        sum(&self.deliveries)
    }

    pub(crate) fn received(&self) -> u64 {
        sum(&self.received)
    }

    /// The run cannot go on; the first reason counts.
    pub(crate) fn fail(&self, why: String) {
        if let Ok(mut failure) = self.failure.lock() {
            failure.get_or_insert(why);
        }
    }

    pub(crate) fn failure(&self) -> Result<(), String> {
        match self.failure.lock() {
            Ok(failure) => failure.clone().map_or(Ok(()), Err),
            Err(_) => Err("a reader thread panicked".to_owned()),
        }
    }

    /// Waits until `done`, or fails after `patience`, or when a reader failed.
    pub(crate) fn wait(
        &self,
        what: &str,
        patience: Duration,
        done: impl Fn() -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        while !done() {
            self.failure()?;
            if start.elapsed() > patience {
                return Err(format!("{what} took longer than {patience:?}"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

fn sum(counts: &[AtomicU64]) -> u64 {
    counts
        .iter()
        .map(|count| count.load(Ordering::Acquire))
        .sum()
}
