use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ipnet::IpNet;

use super::Readiness;
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
}
