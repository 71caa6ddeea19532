use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Code, Cursor, FieldError, ResyncReason};

/// An error answer, RFC 9457 `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:forge-relay:problem:` and the code.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("format" = "uri")))]
    pub kind: Cow<'static, str>,
    /// A short summary, the same for every occurrence of the code.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[cfg_attr(feature = "schema", schemars(range(min = 400, max = 599)))]
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// For programs.
    pub code: Code,
    /// The request's id, as in the relay's log.
    pub request_id: String,
    /// Every field that is wrong, not only the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// With `resync`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "ResyncReason"))]
    pub reason: Option<ResyncReason>,
    /// With `resync`: where to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Cursor"))]
    pub cursor: Option<Cursor>,
}

impl Problem {
    /// A problem; a code that has no HTTP status counts as the relay's own failure, 500.
    ///
    /// ```
    /// use forge_relay_core::{Code, Problem};
    /// let problem = Problem::new(Code::NotFound, "there is no such route: see /docs", "req-1");
    /// assert_eq!(problem.kind, "urn:forge-relay:problem:not_found");
    /// assert_eq!(problem.status, 404);
    /// ```
    pub fn new(code: Code, detail: impl Into<String>, request_id: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:forge-relay:problem:{code}").into(),
            title: code.title().into(),
            status: code.http_status().unwrap_or(500),
            detail: detail.into(),
            code,
            request_id: request_id.into(),
            errors: Vec::new(),
            reason: None,
            cursor: None,
        }
    }

    /// With the fields that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// With where a reader is to go on from, and why.
    #[must_use]
    pub fn with_resync(mut self, reason: ResyncReason, cursor: Cursor) -> Self {
        self.reason = Some(reason);
        self.cursor = Some(cursor);
        self
    }
}
