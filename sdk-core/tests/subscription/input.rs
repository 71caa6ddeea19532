//! Everything that a subscription can be told.

use forge_relay_core::ResyncReason;
use forge_relay_core::subscription::{Subscription, Verdict};
use serde::{Deserialize, Serialize};

/// A call of a subscription's method, with all its arguments but `now`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Input {
    Start,
    Close,
    Wake,
    Token(u32, String),
    TokenFailed(u32, bool),
    Opened(u32, Option<u64>),
    Heard(u32),
    Ready(u32, String, bool, u64),
    Event(u32, u64, String),
    Resync(u32, ResyncReason, String),
    Page(u32, String, bool),
    Expiring(u32),
    Refreshed(u32),
    RefreshRefused(u32),
    Bye(u32, String, bool, u64),
    Refused(u32, String, bool, Option<u64>),
    Lost(u32),
    Network(bool),
    Visible(bool),
}

impl Input {
    /// Makes the call; the verdict is that of an event.
    pub(crate) fn call(&self, it: &mut Subscription, now: u64) -> Option<Verdict> {
        match self {
            Self::Start => it.start(now),
            Self::Close => it.close(now),
            Self::Wake => it.wake(now),
            Self::Token(ticket, token) => it.token(now, *ticket, token),
            Self::TokenFailed(ticket, retryable) => it.token_failed(now, *ticket, *retryable),
            Self::Opened(id, silence) => it.opened(now, *id, *silence),
            Self::Heard(id) => it.heard(now, *id),
            Self::Ready(id, cursor, recovered, replayed) => {
                it.ready(now, *id, cursor, *recovered, *replayed);
            }
            Self::Event(id, seq, cursor) => return Some(it.event(now, *id, *seq, cursor)),
            Self::Resync(id, reason, cursor) => it.resync(now, *id, *reason, cursor),
            Self::Page(id, cursor, more) => it.page(now, *id, cursor, *more),
            Self::Expiring(id) => it.expiring(now, *id),
            Self::Refreshed(id) => it.refreshed(now, *id),
            Self::RefreshRefused(id) => it.refresh_refused(now, *id),
            Self::Bye(id, code, reconnect, after) => it.bye(now, *id, code, *reconnect, *after),
            Self::Refused(id, code, retryable, after) => {
                it.refused(now, *id, code, *retryable, *after);
            }
            Self::Lost(id) => it.lost(now, *id),
            Self::Network(online) => it.network(now, *online),
            Self::Visible(visible) => it.visible(now, *visible),
        }
        None
    }
}
