use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;

use super::{Readiness, Streams};
use crate::app::Apps;
use crate::auth::RateLimits;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::session::Hub;

/// What the routes work with.
pub(crate) struct AppState {
    pub(crate) apps: Arc<Apps>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) ready: Arc<Readiness>,
    /// The proxies whose `X-Forwarded-*` are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) require_https: bool,
    pub(crate) rates: Arc<RateLimits>,
    pub(crate) clock: Clock,
    pub(crate) streams: Arc<Streams>,
    /// The envelope in a frame of the log, as JSON. Who encodes frames knows.
    pub(crate) envelope: fn(&[u8]) -> Option<&[u8]>,
}

/// Where the time comes from, in Unix seconds. Tests hold it still.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    System,
    #[cfg(test)]
    Still(i64),
}

impl Clock {
    pub(crate) fn now(self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_secs()).ok())
                .unwrap_or(0),
            #[cfg(test)]
            Self::Still(now) => now,
        }
    }

    /// How long it is until then; nothing where it is over.
    pub(crate) fn until(self, unix_seconds: i64) -> Duration {
        let then = Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0));
        let now = match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            #[cfg(test)]
            Self::Still(now) => Duration::from_secs(now.unsigned_abs()),
        };
        then.saturating_sub(now)
    }
}
