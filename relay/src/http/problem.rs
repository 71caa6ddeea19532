//! How every error is answered: RFC 9457 `application/problem+json`.
//!
//! A handler says only *what* is wrong, as a [`Rejection`]. It travels in the response's extensions to the
//! outermost layer (`request_log.rs`), which knows the request's id and writes the body. So there is one place that
//! writes problems, whoever found them: a handler, the router's own 404 and 405, or a caught panic.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use forge_relay_core::{BodyError, Code, Cursor, FieldError, Problem, ResyncReason};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};

use crate::auth::Refusal;

/// The media type of every error.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is refused. Becomes a [`Problem`] once the request's id is at hand.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    pub(crate) code: Code,
    /// What to do about it. Never an internal, never a secret.
    pub(crate) detail: Cow<'static, str>,
    pub(crate) errors: Vec<FieldError>,
    /// Seconds, for 429 and 503.
    pub(crate) retry_after: Option<u32>,
    /// With `resync`: why, and where to go on from.
    resync: Option<(ResyncReason, Cursor)>,
    /// Where the route answers this code with another status than the code's own.
    status: Option<StatusCode>,
}

impl Rejection {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            resync: None,
            status: None,
        }
    }

    /// 422 `invalid` with everything that is wrong.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(
                Code::Invalid,
                "correct the fields named in `errors` and send it again",
            )
        }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn resync(mut self, reason: ResyncReason, cursor: Cursor) -> Self {
        self.resync = Some((reason, cursor));
        self
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
            .or_else(|| StatusCode::from_u16(self.code.http_status()?).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Writes the problem over a response, keeping the headers that say more about it (`Allow`).
    pub(super) fn write(&self, request_id: &str, response: &mut Response) {
        let status = self.status();
        let mut problem = Problem {
            status: status.as_u16(),
            ..Problem::new(self.code, self.detail.clone(), request_id)
                .with_errors(self.errors.clone())
        };
        if let Some((reason, cursor)) = self.resync {
            problem = problem.with_resync(reason, cursor);
        }
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        // Some of them may be kept without being told so (RFC 9110 §15.1), a 410 among them; none holds for long.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(CONTENT_LENGTH);
        if status != StatusCode::METHOD_NOT_ALLOWED {
            headers.remove(ALLOW);
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2 asks for a challenge; the signature scheme has no registered name.
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"forge-relay\""),
            );
        }
        let needs_hint = matches!(status.as_u16(), 429 | 503);
        if let Some(seconds) = self.retry_after.or(needs_hint.then_some(1)) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        *response.status_mut() = status;
        *response.body_mut() = Body::from(body);
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::BadJson { detail } => Self::new(Code::BadJson, detail),
            BodyError::Invalid(errors) => Self::invalid(errors),
        }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self {
            // Seconds are what `Retry-After` counts; never so few that one comes too early.
            retry_after: refusal
                .after_ms
                .and_then(|ms| u32::try_from(ms.div_ceil(1000)).ok()),
            ..Self::new(refusal.code, refusal.detail)
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
