//! What is said over Socket.IO and event streams, beside the events themselves.
//!
//! All times are Unix seconds, all delays milliseconds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::body::{Errors, Object, any_string, read_json};
use crate::{Code, Cursor, ResyncReason, SessionId};

/// An event of the session; its data is an [`Envelope`](crate::Envelope).
pub const EVENT: &str = "event";
/// The first message of every connection; its data is [`Ready`].
pub const READY: &str = "relay:ready";
/// What was missed is gone; its data is [`Resync`].
pub const RESYNC: &str = "relay:resync";
/// The token is about to end; its data is [`Expiring`].
pub const EXPIRING: &str = "relay:expiring";
/// The client's one message: a new token, [`Refresh`], acknowledged with [`RefreshAnswer`].
pub const REFRESH: &str = "relay:refresh";
/// The last message of every orderly end; its data is [`Bye`].
pub const BYE: &str = "relay:bye";

/// What a client sends with its CONNECT, Socket.IO's `auth`. Fields that it does not know are ignored.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Handshake {
    /// The token. A client whose token could not be fetched leaves it out, and is answered `token_missing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub token: Option<String>,
    /// Where to go on from: text, because a client may hold any, and none is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A handshake or a client's message that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct MessageError {
    /// `bad_handshake`, `bad_message`, or `token_missing`.
    pub code: Code,
    /// What to do.
    pub detail: String,
}

impl Handshake {
    /// Reads the JSON text of a CONNECT packet's data; `None` where it has none.
    ///
    /// # Errors
    /// `bad_handshake` if it is not an object, or a field that it knows has a wrong type.
    ///
    /// ```
    /// use forge_relay_core::message::Handshake;
    /// let handshake = Handshake::parse(Some(r#"{"token":"a.b.c","cursor":null,"theme":"dark"}"#)).unwrap();
    /// assert_eq!(handshake.token.as_deref(), Some("a.b.c"));
    /// assert!(Handshake::parse(Some(r#"{"token":7}"#)).is_err());
    /// ```
    pub fn parse(json: Option<&str>) -> Result<Self, MessageError> {
        const SHAPE: &str = "the handshake must be { token: string, cursor?: string | null }";
        let Some(json) = json else {
            return Ok(Self::default());
        };
        let object = read(json, ["token", "cursor"], Code::BadHandshake, SHAPE)?;
        let text = |raw| any_string(raw).ok_or_else(|| wrong(Code::BadHandshake, SHAPE));
        let token = object.optional("token").map(text).transpose()?;
        let cursor = object.optional("cursor").filter(|raw| raw.get() != "null");
        Ok(Self {
            token,
            cursor: cursor.map(text).transpose()?,
        })
    }

    /// The token; an absent and an empty one are the same.
    ///
    /// # Errors
    /// `token_missing`.
    pub fn token(&self) -> Result<&str, MessageError> {
        self.token
            .as_deref()
            .filter(|token| !token.is_empty())
            .ok_or_else(|| MessageError {
                code: Code::TokenMissing,
                detail: "the handshake has no token: connect with auth: { token }".into(),
            })
    }
}

/// Tokens stay out of logs.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("token", &self.token.is_some())
            .field("cursor", &self.cursor)
            .finish()
    }
}

/// Reads a message's object; fields that it does not know are ignored, of one sent twice the last counts, as in
/// JavaScript. No message repeats what was sent: it may hold a token.
fn read<'a, const N: usize>(
    json: &'a str,
    names: [&'static str; N],
    code: Code,
    shape: &str,
) -> Result<Object<'a, N>, MessageError> {
    let raw = read_json(json.as_bytes()).ok();
    let object = raw.and_then(|raw| Object::read(raw, names, "it", &mut Errors::new(None)));
    object.ok_or_else(|| wrong(code, shape))
}

fn wrong(code: Code, shape: &str) -> MessageError {
    MessageError {
        code,
        detail: shape.into(),
    }
}

/// `relay:ready`: the connection is in its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The session that the token opens.
    pub session_id: SessionId,
    /// The Socket.IO sid; of an event stream, the id of its request.
    pub connection_id: String,
    /// Where this connection starts: the cursor that was sent when `recovered`, that of the resync when one follows,
    /// else the head.
    pub cursor: Cursor,
    /// Whether it goes on exactly where the sent cursor was.
    pub recovered: bool,
    /// How many missed events follow before live ones.
    pub replayed: u64,
    /// The token's `exp`; absent for a publisher, who reads with the secret and for as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "i64"))]
    pub expires_at: Option<i64>,
}

/// `relay:resync`: load the state again, then go on from `cursor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resync {
    /// Why.
    pub reason: ResyncReason,
    /// Where the events that follow start.
    pub cursor: Cursor,
}

/// `relay:expiring`: fetch a new token and send it with `relay:refresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Expiring {
    /// The token's `exp`.
    pub expires_at: i64,
    /// How long that is from now.
    pub in_seconds: i64,
}

/// `relay:refresh`: a new token of the same account and session.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refresh {
    /// The new token.
    pub token: String,
}

impl Refresh {
    /// Reads the message's first argument.
    ///
    /// # Errors
    /// `bad_message`; it changes nothing, the connection lives on.
    pub fn parse(json: &str) -> Result<Self, MessageError> {
        const SHAPE: &str = "relay:refresh takes { token: string }";
        let object = read(json, ["token"], Code::BadMessage, SHAPE)?;
        let token = object.optional("token").and_then(any_string);
        token
            .map(|token| Self { token })
            .ok_or_else(|| wrong(Code::BadMessage, SHAPE))
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").finish_non_exhaustive()
    }
}

/// How `relay:refresh` is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RefreshAnswer {
    /// The connection now lives until then, or longer where it already did.
    #[serde(rename_all = "camelCase")]
    Refreshed {
        /// When the connection's token ends.
        expires_at: i64,
    },
    /// Nothing changed.
    Refused(Refused),
}

/// How a client's message is refused, in its acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// For programs.
    pub code: Code,
    /// What to do.
    pub message: String,
}

/// `relay:bye`: the connection ends now, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Bye {
    /// For programs.
    pub code: Code,
    /// What happened, and what to do.
    pub reason: String,
    /// Whether to come back.
    pub reconnect: bool,
    /// When to come back, in milliseconds from now.
    pub after_ms: u64,
}

/// `connect_error.data`; the code is `connect_error.message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConnectErrorData {
    /// What happened, and what to do.
    pub detail: String,
    /// Whether it is worth trying again, with a new token.
    pub retryable: bool,
    /// When to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub after_ms: Option<u64>,
}

/// The data of a CONNECT_ERROR packet, as the client library hands it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectError {
    /// The code.
    pub message: Code,
    /// The rest.
    pub data: ConnectErrorData,
}
