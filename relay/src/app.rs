//! The apps that this relay serves, and what each allows.

use std::sync::Arc;

use forge_relay_core::{KeyRing, Rules};

use crate::auth::OriginPattern;
use crate::config::{AppConfig, Limits};
use crate::store::AppIndex;

/// One Forge app environment.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: Arc<str>,
    pub(crate) keys: KeyRing,
    pub(crate) token_keys: KeyRing,
    pub(crate) allowed_origins: Vec<OriginPattern>,
    pub(crate) bearer: bool,
    pub(crate) mint_tokens: bool,
}

impl App {
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|p| p.matches(origin))
    }
}

/// All of them, and the limits that hold for whoever speaks for one. Built once, never changed.
#[derive(Debug)]
pub(crate) struct Apps {
    apps: Box<[App]>,
    pub(crate) rules: Rules,
    /// Seconds, as is the leeway.
    pub(crate) token_life: u32,
    pub(crate) token_leeway: u32,
}

impl Apps {
    /// The apps in the order of the configuration, which is what an [`AppIndex`] counts.
    pub(crate) fn new(apps: Vec<AppConfig>, limits: &Limits) -> Self {
        let apps = apps.into_iter().map(|app| App {
            id: app.id.into(),
            keys: app.keys,
            token_keys: app.token_keys,
            allowed_origins: app.allowed_origins,
            bearer: app.bearer,
            mint_tokens: app.mint_tokens,
        });
        Self {
            apps: apps.collect(),
            rules: Rules {
                payload_bytes: limits.payload,
                clock_skew_seconds: limits.clock_skew.as_secs(),
            },
            token_life: seconds(limits.token_life),
            token_leeway: seconds(limits.token_leeway),
        }
    }

    pub(crate) fn get(&self, index: AppIndex) -> Option<&App> {
        self.apps.get(usize::from(index))
    }

    /// The app, where there is only one: nobody needs to name it then.
    pub(crate) fn only(&self) -> Option<(AppIndex, &App)> {
        match &*self.apps {
            [app] => Some((0, app)),
            _ => None,
        }
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<(AppIndex, &App)> {
        let at = self.apps.iter().position(|app| &*app.id == id)?;
        Some((AppIndex::try_from(at).ok()?, &self.apps[at]))
    }

    /// Whether any app mints tokens; where none does, the route is not there at all.
    pub(crate) fn any_mints(&self) -> bool {
        self.apps.iter().any(|app| app.mint_tokens)
    }

    /// Whether any app lets pages of this origin connect.
    pub(crate) fn any_allows_origin(&self, origin: &str) -> bool {
        let patterns = || self.apps.iter().flat_map(|app| &app.allowed_origins);
        patterns().any(|pattern| pattern.matches(origin))
    }

    /// Whether a page of this origin may connect to this app. Without an `Origin` it is not a browser, and passes.
    pub(crate) fn origin_allowed(&self, app: AppIndex, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        self.get(app).is_some_and(|app| app.allows_origin(origin))
    }

    /// Whether any app lets pages of this origin in: all that can be said of a request that does not say whose it is.
    pub(crate) fn origin_allowed_by_any(&self, origin: &str) -> bool {
        self.apps.iter().any(|app| app.allows_origin(origin))
    }
}

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
