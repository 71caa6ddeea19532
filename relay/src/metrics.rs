//! What an operator can see: the numbers behind `GET /metrics`.
//!
//! Everything here is written from hot paths, so it is counters and gauges of one atomic each. Deliveries
//! are counted by whoever writes many frames at once, in one addition. No label carries the name of a
//! session, an account or an app: labels live as long as the process, and names would make them unbounded.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::encode`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers of one relay. Shared by reference; every method may be called from anywhere.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    publish_latency: Histogram,
    events_per_session: Histogram,
    errors_by_type: Family<TypeLabel, Counter>,
    resyncs: Family<ReasonLabel, Counter>,
    connections_refused: Family<CodeLabel, Counter>,
    byes: Family<CodeLabel, Counter>,
    events_published: Counter,
    events_duplicate: Counter,
    /// Subscribers that are connected now: past their token, not yet closed.
    pub(crate) connected_clients: Gauge,
    /// Envelopes that a socket took. Add in bulk.
    pub(crate) deliveries: Counter,
    /// Bytes written to subscribers, framing included. Add in bulk.
    pub(crate) delivered_bytes: Counter,
    /// TCP connections that are open now, whatever they are for.
    pub(crate) open_connections: Gauge,
    /// Logs in memory.
    pub(crate) sessions: Gauge,
    /// Bytes that all logs hold.
    pub(crate) log_bytes: Gauge,
    /// Bytes that wait in all outboxes.
    pub(crate) outbox_bytes: Gauge,
    /// Bytes that the nonce memory holds.
    pub(crate) nonce_bytes: Gauge,
    /// Connections that are behind their session's head and catching up.
    pub(crate) clients_behind: Gauge,
    /// Connections cut because a write made no progress, or too little.
    pub(crate) slow_clients_cut: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            // 50 µs to 6.5 s: a publish into memory takes tens of microseconds, one that waits for
            // delivery or for Redis up to seconds.
            publish_latency: Histogram::new(exponential_buckets(50e-6, 2.0, 18)),
            // 1 to 262,144 by fours: a poker round has tens of events, a cursor-sharing canvas 100,000s.
            events_per_session: Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            errors_by_type: Family::default(),
            resyncs: Family::default(),
            connections_refused: Family::default(),
            byes: Family::default(),
            events_published: Counter::default(),
            events_duplicate: Counter::default(),
            connected_clients: Gauge::default(),
            deliveries: Counter::default(),
            delivered_bytes: Counter::default(),
            open_connections: Gauge::default(),
            sessions: Gauge::default(),
            log_bytes: Gauge::default(),
            outbox_bytes: Gauge::default(),
            nonce_bytes: Gauge::default(),
            clients_behind: Gauge::default(),
            slow_clients_cut: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        // The four names of the brief stand as they are; what came later has the prefix.
        r.register(
            "publish_latency",
            "Seconds from having a publish request whole to its events being in the log",
            self.publish_latency.clone(),
        );
        r.register(
            "connected_clients",
            "Subscribers connected now",
            self.connected_clients.clone(),
        );
        r.register(
            "events_per_session",
            "Events that a session's log received in its life, observed when the log ends",
            self.events_per_session.clone(),
        );
        r.register(
            "errors_by_type",
            "Errors told to publishers and subscribers, by code",
            self.errors_by_type.clone(),
        );
        let r = r.sub_registry_with_prefix("relay");
        r.register(
            "events_published",
            "Events put into a log",
            self.events_published.clone(),
        );
        r.register(
            "events_duplicate",
            "Events known by their nonce, and not published again",
            self.events_duplicate.clone(),
        );
        r.register(
            "deliveries",
            "Envelopes that a subscriber's socket took",
            self.deliveries.clone(),
        );
        r.register_with_unit(
            "delivered",
            "Bytes written to subscribers",
            Unit::Bytes,
            self.delivered_bytes.clone(),
        );
        r.register(
            "resyncs",
            "Times a subscriber was told to resync, by reason",
            self.resyncs.clone(),
        );
        r.register(
            "connections_refused",
            "Connections refused before they became subscribers, by code",
            self.connections_refused.clone(),
        );
        r.register(
            "byes",
            "Subscribers told goodbye, by code",
            self.byes.clone(),
        );
        r.register(
            "slow_clients_cut",
            "Connections cut because they took nothing, or too little",
            self.slow_clients_cut.clone(),
        );
        r.register(
            "clients_behind",
            "Subscribers that are catching up from the log now",
            self.clients_behind.clone(),
        );
        r.register(
            "open_connections",
            "TCP connections open now",
            self.open_connections.clone(),
        );
        r.register("sessions", "Logs in memory", self.sessions.clone());
        r.register_with_unit(
            "log",
            "Bytes held by all logs",
            Unit::Bytes,
            self.log_bytes.clone(),
        );
        r.register_with_unit(
            "outbox",
            "Bytes waiting in all outboxes",
            Unit::Bytes,
            self.outbox_bytes.clone(),
        );
        r.register_with_unit(
            "nonce",
            "Bytes held by the nonce memory",
            Unit::Bytes,
            self.nonce_bytes.clone(),
        );
        let version = env!("CARGO_PKG_VERSION");
        r.register(
            "build",
            "The relay's version",
            Info::new(vec![("version", version)]),
        );
    }

    /// A publish request was answered with receipts: how many of its events are new, how many known.
    pub(crate) fn published(&self, new: u64, duplicate: u64, took: Duration) {
        self.publish_latency.observe(took.as_secs_f64());
        self.events_published.inc_by(new);
        self.events_duplicate.inc_by(duplicate);
    }

    /// A session's log ended after having received this many events.
    pub(crate) fn session_ended(&self, events: u64) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a bucket boundary needs no 53rd bit"
        )]
        self.events_per_session.observe(events as f64);
    }

    /// An error was told to a publisher or a subscriber. `code` is one of the contract's.
    pub(crate) fn error(&self, code: &'static str) {
        self.errors_by_type
            .get_or_create(&TypeLabel { r#type: code })
            .inc();
    }

    /// A subscriber was told to resync.
    pub(crate) fn resync(&self, reason: &'static str) {
        self.resyncs.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A connection was refused before it became a subscriber.
    pub(crate) fn connection_refused(&self, code: &'static str) {
        self.connections_refused
            .get_or_create(&CodeLabel { code })
            .inc();
    }

    /// A subscriber was told goodbye.
    pub(crate) fn bye(&self, code: &'static str) {
        self.byes.get_or_create(&CodeLabel { code }).inc();
    }

    /// The text that Prometheus scrapes, of the type [`CONTENT_TYPE`].
    pub(crate) fn encode(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        // Writing into a String does not fail; were it to, a scrape would say so by its missing `# EOF`.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_an_operator_knows_are_there_with_what_was_counted() {
        let metrics = Metrics::new();
        metrics.published(3, 1, Duration::from_micros(70));
        metrics.session_ended(12);
        metrics.error("token_expired");
        metrics.resync("trimmed");
        metrics.connection_refused("origin_denied");
        metrics.bye("draining");
        metrics.connected_clients.inc();
        metrics.log_bytes.set(4096);
        let text = metrics.encode();
        for line in [
            "publish_latency_count 1",
            "publish_latency_bucket{le=\"0.0001\"} 1",
            "connected_clients 1",
            "events_per_session_sum 12.0",
            "errors_by_type_total{type=\"token_expired\"} 1",
            "relay_events_published_total 3",
            "relay_events_duplicate_total 1",
            "relay_resyncs_total{reason=\"trimmed\"} 1",
            "relay_connections_refused_total{code=\"origin_denied\"} 1",
            "relay_byes_total{code=\"draining\"} 1",
            "relay_log_bytes 4096",
            "relay_delivered_bytes_total 0",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|l| l == line),
                "{line} is missing in\n{text}"
            );
        }
        assert!(text.contains("relay_build_info{version=\""), "{text}");
    }
}
