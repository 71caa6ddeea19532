use std::fmt;

use serde::{Deserialize, Serialize};

use crate::SessionId;

/// The scope that a token needs to subscribe.
pub const SUBSCRIBE: &str = "subscribe";

/// What a token says, once it is checked. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Whose token it is: the account id, 1 to 256 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = Claims::MAX_SUB)))]
    pub sub: String,
    /// The session it opens.
    pub session_id: SessionId,
    /// What it allows; contains `subscribe`.
    #[cfg_attr(feature = "schema", schemars(extend("contains" = { "const": SUBSCRIBE })))]
    pub scope: Vec<String>,
    /// When it ends.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub exp: i64,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub iat: i64,
    /// Its own id, 1 to 128 characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = Claims::MAX_JTI)))]
    pub jti: String,
    /// When it begins, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "i64", range(min = 0)))]
    pub nbf: Option<i64>,
    /// The app that made it; required where a relay serves several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub iss: Option<String>,
}

impl Claims {
    /// The most characters of `sub`.
    pub const MAX_SUB: usize = 256;
    /// The most characters of `jti`.
    pub const MAX_JTI: usize = 128;
}

/// Whom a token belongs to is nobody's business in a log.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iat", &self.iat)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}
