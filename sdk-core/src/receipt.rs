use serde::{Deserialize, Serialize};

use crate::{Cursor, SessionId};

/// The answer to a publish: the event is in the log, at this place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The relay's id of the event, a UUIDv7.
    pub id: String,
    /// The session it was published to.
    pub session_id: SessionId,
    /// Its number in this life of the session's log.
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = 1, max = 9_007_199_254_740_991_u64))
    )]
    pub seq: u64,
    /// Where one stands who has this event and all before it.
    pub cursor: Cursor,
    /// Whether the same nonce had published this event before; it was then delivered that time, and not again.
    pub duplicate: bool,
}

/// The answer to a batch: one receipt an event, in the order sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipts {
    /// In the order sent.
    pub receipts: Vec<Receipt>,
}
