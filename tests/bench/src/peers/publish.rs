use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A publish as it comes in. `nonce` is read by nobody: the peers have no memory of nonces.
#[derive(Deserialize)]
pub(super) struct Publish<'a> {
    #[serde(borrow, rename = "sessionId")]
    pub(super) session_id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
}

/// What clients get: the event, and an id as metadata.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    id: uuid::Uuid,
    session_id: &'a str,
    event: &'a str,
    payload: &'a RawValue,
    timestamp: &'a str,
}

impl Publish<'_> {
    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope {
            id: uuid::Uuid::now_v7(),
            session_id: &self.session_id,
            event: &self.event,
            payload: self.payload,
            timestamp: &self.timestamp,
        }
    }
}
