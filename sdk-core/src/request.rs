//! The bodies of the smaller routes: `POST /tokens` and `POST /socket/auth`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::body::{Errors, Object, number, read_json};
use crate::{BodyError, Claims, FieldCode, SessionId, Violation};

/// The longest that a token may live, and what one is minted for unless told otherwise, in seconds.
pub const MAX_TOKEN_LIFE: u32 = 300;

/// `POST /tokens`: a token, please, for this account in this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    /// Who will hold it.
    pub account_id: AccountId,
    /// The session that it opens.
    pub session_id: SessionId,
    /// Its life in seconds; the longest allowed where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", default, range(min = 1, max = MAX_TOKEN_LIFE)))]
    pub expires_in: Option<u32>,
}

impl TokenRequest {
    /// Parses and checks the body. `max_life` is the longest life that this relay allows, in seconds.
    ///
    /// # Errors
    /// As [`Event::parse`](crate::Event::parse): not JSON, or everything that is wrong.
    pub fn parse(body: &[u8], max_life: u32) -> Result<Self, BodyError> {
        let raw = read_json(body)?;
        let mut errors = Errors::new(None);
        let request = Object::read(
            raw,
            ["accountId", "sessionId", "expiresIn"],
            "the body",
            &mut errors,
        )
        .and_then(|object| {
            let account_id = object.text("accountId", &mut errors, AccountId::parse);
            let session_id = object.text("sessionId", &mut errors, SessionId::parse);
            let expires_in = object.optional("expiresIn").map(|raw| {
                let what = format!("a whole number of seconds from 1 to {max_life}");
                errors.take(
                    "expiresIn",
                    number::<u32>("expiresIn", raw, &what).and_then(|life| {
                        if (1..=max_life).contains(&life) {
                            return Ok(life);
                        }
                        Err(Violation::new(
                            FieldCode::Range,
                            format!("expiresIn must be {what}"),
                        ))
                    }),
                )
            });
            let expires_in = match expires_in {
                Some(checked) => Some(checked?),
                None => None,
            };
            Some(Self {
                account_id: account_id?,
                session_id: session_id?,
                expires_in,
            })
        });
        match request {
            Some(request) if errors.list.is_empty() => Ok(request),
            _ => Err(BodyError::Invalid(errors.list)),
        }
    }
}

/// The id of an account, a token's `sub`: 1 to 256 characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Checks a text.
    ///
    /// # Errors
    /// `length`.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        if text.is_empty() || text.chars().nth(Claims::MAX_SUB).is_some() {
            let message = format!("accountId must have 1 to {} characters", Claims::MAX_SUB);
            return Err(Violation::new(FieldCode::Length, message));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Accounts are people, and stay out of logs.
impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountId(…)")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for AccountId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AccountId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": Claims::MAX_SUB, "description": "The id of an account" })
    }
}

/// A minted token, and the answer of `POST /tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Minted {
    /// The token.
    pub token: String,
    /// Its `exp`, in Unix seconds.
    pub expires_at: i64,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// `POST /socket/auth`: is this a token that a connection would be opened with?
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
pub struct SocketAuthRequest {
    /// The token.
    pub token: String,
}

impl SocketAuthRequest {
    /// Parses and checks the body; whether the token is any good is not its concern.
    ///
    /// # Errors
    /// As [`Event::parse`](crate::Event::parse).
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let raw = read_json(body)?;
        let mut errors = Errors::new(None);
        let token = Object::read(raw, ["token"], "the body", &mut errors)
            .and_then(|object| object.text("token", &mut errors, |text| Ok(text.to_owned())));
        match token {
            Some(token) if errors.list.is_empty() => Ok(Self { token }),
            _ => Err(BodyError::Invalid(errors.list)),
        }
    }
}

impl fmt::Debug for SocketAuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketAuthRequest").finish_non_exhaustive()
    }
}

/// The answer of `POST /socket/auth`: yes, and this is who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SocketAuthAnswer {
    /// What the token says.
    pub claims: Claims,
    /// The app that it is for.
    pub app: String,
    /// Its `exp`, in Unix seconds.
    pub expires_at: i64,
}
