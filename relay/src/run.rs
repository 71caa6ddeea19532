//! The relay from its first accept to its last goodbye.
//!
//! ```text
//!  accepting … ──shutdown──▶ draining ─────────────▶ stopping ────▶ ended
//!                            /readyz fails            publishes: 503
//!                            CONNECT: `draining`      HTTP ends after its request
//!                            byes, spread over time
//! ```

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accept::Acceptor;
use crate::app::Apps;
use crate::auth::{RateLimits, Rates};
use crate::capacity::capacity;
use crate::config::{Config, Limits};
use crate::http::{self, AppState, Clock, Readiness, Streams};
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::session::{Hub, HubLimits, LogLimits};
use crate::socket::{self, Conversation, Sockets};
use crate::stall::StallLimits;
use crate::store::{MemoryStore, NonceLimits, Store};

/// How long a publisher waits for delivery that has fallen far behind, before it is told to retry.
const PUBLISHER_PATIENCE: Duration = Duration::from_secs(5);
/// How often logs are trimmed and idle sessions dropped.
const SWEEP: Duration = Duration::from_secs(1);
/// How long requests that are on their way have when all else has ended.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// Why the relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The listener cannot be used.
    #[error("cannot listen: {0}")]
    Listener(#[from] io::Error),
}

/// Serves on `listener` until `shutdown` is ready, then drains: tells every client to come back,
/// takes publishes until the last one was told, and ends when all are gone or the drain time is over.
///
/// # Errors
/// The listener cannot be used. Nothing else ends a relay that runs.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let limits = Arc::new(config.limits);
    let metrics = Arc::new(Metrics::new());
    let ready = Arc::new(Readiness::default());
    let app_count = config.apps.len();
    let apps = Arc::new(Apps::new(config.apps, &limits));
    let hub = Arc::new(hub(&limits, app_count, &metrics));
    let rates = Arc::new(RateLimits::new(Rates::from(&*limits)));
    let outboxes = Arc::new(Outboxes::new(limits.all_outboxes));
    let streams = Arc::new(Streams::new(Arc::clone(&metrics)));
    let conversation = Arc::new(Conversation {
        apps: Arc::clone(&apps),
        hub: Arc::clone(&hub),
        rates: Arc::clone(&rates),
    });
    let capacity = limits.connections.unwrap_or(usize::MAX).min(capacity());
    let sockets = Sockets::new(
        conversation,
        Arc::clone(&metrics),
        Arc::clone(&outboxes),
        &limits,
        capacity,
    );
    let state = AppState {
        apps,
        hub: Arc::clone(&hub),
        metrics: Arc::clone(&metrics),
        limits: Arc::clone(&limits),
        ready: Arc::clone(&ready),
        trusted_proxies: config.trusted_proxies.clone(),
        require_https: config.require_https,
        rates: Arc::clone(&rates),
        clock: Clock::System,
        streams: Arc::clone(&streams),
        envelope: socket::envelope,
    };
    let (stop, stopped) = watch::channel(false);
    let acceptor = Acceptor {
        router: http::router(state),
        sockets: Arc::clone(&sockets),
        socket_path: socket::PATH,
        metrics: Arc::clone(&metrics),
        capacity,
        header_deadline: limits.header_deadline,
        line: StallLimits::from(&*limits),
        outboxes: Arc::clone(&outboxes),
        trusted_proxies: config.trusted_proxies,
        require_https: config.require_https,
        long_polling: config.long_polling,
        stop: stopped,
    };

    // They end with this set, whatever ends this function.
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&sockets).keep());
    tasks.spawn(sweep(hub, Arc::clone(&outboxes), Arc::clone(&metrics)));
    tasks.spawn({
        let (sockets, streams) = (Arc::clone(&sockets), Arc::clone(&streams));
        async move {
            let slow = || {
                [sockets.slow(), streams.slow()]
                    .into_iter()
                    .flatten()
                    .collect()
            };
            outboxes.keep(slow).await;
        }
    });
    tasks.spawn(acceptor.accept(listener));

    shutdown.await;
    let clients = sockets.count() + streams.count();
    tracing::info!(drain = ?limits.drain, clients, "draining");
    ready.start_draining();
    tokio::join!(sockets.drain(limits.drain), streams.drain(limits.drain));
    ready.stop();
    sockets.cut_all();
    streams.cut_all();
    // Every acceptor and connection holds a receiver: all gone is all done.
    if stop.send(true).is_ok() {
        tasks.abort_all();
        let _ = tokio::time::timeout(LAST_REQUESTS, stop.closed()).await;
    }
    tracing::info!("ended");
    Ok(())
}

fn hub(limits: &Limits, apps: usize, metrics: &Arc<Metrics>) -> Hub {
    let hub_limits = HubLimits {
        log: LogLimits {
            events: limits.log_events,
            age: limits.log_age,
            bytes: limits.log_bytes,
        },
        all_logs: limits.all_logs,
        idle: limits.idle_session,
        patience: PUBLISHER_PATIENCE,
    };
    let nonces = NonceLimits {
        age: limits.nonce_age,
        bytes: limits.nonce_memory,
    };
    Hub::new(
        hub_limits,
        socket::encode_event,
        Arc::clone(metrics),
        |announce| -> Arc<dyn Store> { Arc::new(MemoryStore::new(apps, nonces, announce)) },
    )
}

async fn sweep(hub: Arc<Hub>, outboxes: Arc<Outboxes>, metrics: Arc<Metrics>) {
    let mut tick = tokio::time::interval(SWEEP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        hub.sweep();
        let waiting = i64::try_from(outboxes.waiting()).unwrap_or(i64::MAX);
        metrics.outbox_bytes.set(waiting);
    }
}
