use std::borrow::Cow;

use serde::Serialize;

use super::Transport;

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// On the way to the first connection.
    Connecting,
    /// Every event comes as it is published.
    Live,
    /// Connected; events that were missed are coming in.
    CatchingUp,
    /// Not connected; it comes back by itself.
    Offline,
    /// The relay, or the app's `getToken`, said no for good.
    Denied,
    /// Closed by the app.
    Closed,
}

/// How a session stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The word for it.
    pub state: State,
    /// Why, for `offline` and `denied`: a code of the relay, or `unreachable`, `connection_lost`, `timed_out`,
    /// `silent`, `out_of_order`, `token_failed`, `network`, or `unknown` for what a relay says that is no code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// What carries the events now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// When the next attempt begins, on the clock of the inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<u64>,
}

impl Status {
    pub(super) fn of(state: State) -> Self {
        Self {
            state,
            reason: None,
            transport: None,
            retry_at: None,
        }
    }
}
