use std::sync::{Arc, Weak};
use std::time::Duration;

use forge_relay_core::Code;
use forge_relay_core::message::Bye;
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::stream::Stream;
use crate::come_back;
use crate::metrics::Metrics;
use crate::outboxes::Slow;

/// All event streams of the relay.
pub(crate) struct Streams {
    registry: Mutex<Registry>,
    metrics: Arc<Metrics>,
    /// Told when one is gone.
    fewer: Notify,
}

#[derive(Default)]
struct Registry {
    streams: Slab<Weak<Stream>>,
    draining: bool,
}

impl Streams {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            registry: Mutex::default(),
            metrics,
            fewer: Notify::new(),
        }
    }

    /// Takes a stream in, under the number by which it is forgotten; not any more once the relay drains.
    pub(super) fn register(&self, stream: &Arc<Stream>) -> Option<usize> {
        let mut registry = self.registry.lock();
        if registry.draining {
            return None;
        }
        self.metrics.connected_clients.inc();
        Some(registry.streams.insert(Arc::downgrade(stream)))
    }

    pub(super) fn forget(&self, number: usize) {
        self.registry.lock().streams.try_remove(number);
        self.metrics.connected_clients.dec();
        self.fewer.notify_one();
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.registry.lock().streams.len()
    }

    fn all(&self) -> Vec<Arc<Stream>> {
        let registry = self.registry.lock();
        registry
            .streams
            .iter()
            .filter_map(|(_, stream)| stream.upgrade())
            .collect()
    }

    /// The ones whose clients take nothing, for whoever keeps all outboxes in bounds.
    pub(crate) fn slow(&self) -> Vec<Slow> {
        let all = self.all();
        let slow = all.iter().filter_map(|stream| {
            let slow = stream.slow()?;
            let (metrics, stream) = (Arc::clone(&self.metrics), Arc::clone(stream));
            Some(Slow {
                cut: Box::new(move || {
                    if stream.is_cut() {
                        return; // what waits for it will soon be gone
                    }
                    metrics.slow_clients_cut.inc();
                    tracing::warn!("cut a slow event stream: all outboxes hold too much");
                    (slow.cut)();
                }),
                ..slow
            })
        });
        slow.collect()
    }

    /// Takes in no new streams from now on, and tells those who are here to come back later, spread over `time`. Ends
    /// when all were told and have gone, or when the time is over.
    pub(crate) async fn drain(&self, time: Duration) {
        self.registry.lock().draining = true;
        let (began, all) = (Instant::now(), self.all());
        // As with sockets: the last third is for the goodbyes to arrive.
        let step = time.mul_f64(2.0 / 3.0) / u32::try_from(all.len().max(1)).unwrap_or(u32::MAX);
        for (index, stream) in all.into_iter().enumerate() {
            let bye = Bye {
                code: Code::Draining,
                reason: "the relay is about to stop: connect again".to_owned(),
                reconnect: true,
                after_ms: come_back::after_ms(),
            };
            stream.bye(&bye, &self.metrics);
            drop(stream);
            sleep_until(began + step * u32::try_from(index).unwrap_or(u32::MAX)).await;
        }
        while self.count() > 0
            && timeout_at(began + time, self.fewer.notified())
                .await
                .is_ok()
        {}
    }

    /// Ends whatever is left, at once.
    pub(crate) fn cut_all(&self) {
        for stream in self.all() {
            stream.cut();
        }
    }
}
