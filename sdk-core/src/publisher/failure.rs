use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::token::TokenError;
use crate::{BodyError, Code, FieldCode, FieldError, Violation};

/// Why something was not done, for programs and for people. It serializes as the SDKs hand it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The relay's code, or one of the publisher's own: `not_a_relay`, `egress_blocked`, `bad_gateway`.
    pub code: Cow<'static, str>,
    /// What happened, and what to do.
    pub message: String,
    /// The HTTP status of the answer; absent where nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the same may well succeed a little later.
    pub retryable: bool,
    /// Whether the event may be in the log all the same. If so, publish it again within 10 minutes of the first
    /// attempt and with the same nonce, or not at all.
    pub may_be_in_log: bool,
    /// In how many seconds the relay wants to be asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Every field that is wrong, not only the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The request's id, as in the relay's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// Something that no waiting cures and that reached no log.
    pub(super) fn final_one(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: None,
            retryable: false,
            may_be_in_log: false,
            retry_after: None,
            errors: Vec::new(),
            request_id: None,
        }
    }

    /// Arguments that break the rules.
    pub(super) fn invalid(errors: Vec<FieldError>) -> Self {
        BodyError::Invalid(errors).into()
    }

    /// One argument that does.
    pub(super) fn field(
        field: &str,
        code: FieldCode,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::invalid(vec![Violation::new(code, message).at(field)])
    }

    /// As JSON: how the SDKs' faces hand it over.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.message.clone())
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let message = match error.errors() {
            // Without the pointer where the sentence names its field.
            [only] if only.index.is_none() => only.message.clone(),
            _ => error.to_string(),
        };
        let code = error.code();
        let errors = match error {
            BodyError::BadJson { .. } => Vec::new(),
            BodyError::Invalid(errors) => errors,
        };
        Self {
            errors,
            ..Self::final_one(code.as_str(), message)
        }
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::invalid(vec![violation.at("")])
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let code = error.code();
        Self {
            retryable: code.retryable() && code != Code::TokenMissing,
            ..Self::final_one(code.as_str(), error.to_string())
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
