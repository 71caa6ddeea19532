//! The publisher for callers in another language: text in, text out, the clock as JavaScript's `Date.now()`. Both faces
//! of sdk-node forward to these, so that they cannot differ.

use serde::Serialize;

use super::{Answer, Failure, Publisher};
use crate::FieldCode;

/// [`Publisher::complete`].
///
/// # Errors
/// As there.
pub fn complete(
    publisher: &Publisher,
    event: &str,
    nonce: &str,
    now_ms: f64,
) -> Result<String, Failure> {
    publisher.complete(event.as_bytes(), nonce, millis(now_ms))
}

/// [`Publisher::complete_batch`].
///
/// # Errors
/// As there.
pub fn complete_batch(
    publisher: &Publisher,
    events: &str,
    nonce: &str,
    now_ms: f64,
) -> Result<String, Failure> {
    publisher.complete_batch(events.as_bytes(), nonce, millis(now_ms))
}

/// [`Publisher::restamp`].
///
/// # Errors
/// As there.
pub fn restamp(publisher: &Publisher, body: &str, now_ms: f64) -> Result<String, Failure> {
    publisher.restamp(body.as_bytes(), millis(now_ms))
}

/// [`Publisher::headers`], as an object.
pub fn headers(publisher: &Publisher, body: &[u8], id: &str, now_ms: f64) -> String {
    // Text by text: there is nothing in it that could fail.
    serde_json::to_string(&publisher.headers(body, id, seconds(now_ms))).unwrap_or_default()
}

/// [`Publisher::mint`], as `{ token, expiresAt }`.
///
/// # Errors
/// As there.
pub fn mint(
    publisher: &Publisher,
    request: &str,
    jti: &str,
    now_ms: f64,
) -> Result<String, Failure> {
    json(&publisher.mint(request.as_bytes(), jti, seconds(now_ms))?)
}

/// [`Publisher::verify`], as the claims.
///
/// # Errors
/// As there.
pub fn verify(publisher: &Publisher, token: &str, now_ms: f64) -> Result<String, Failure> {
    json(&publisher.verify(token, seconds(now_ms))?)
}

/// [`receipts`](super::receipts) of an [`Answer`] as JSON, as an array.
///
/// # Errors
/// As there.
pub fn receipts(answer: &str, body: &[u8], batch: Option<u32>) -> Result<String, Failure> {
    let answer: Answer = serde_json::from_str(answer)
        .map_err(|error| Failure::field("", FieldCode::Format, error.to_string()))?;
    let batch = batch.and_then(|count| usize::try_from(count).ok());
    json(&super::receipts(&answer, body, batch)?)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    super::text_of(value)
}

/// JavaScript's clock; what is no number at all is 1970, which every check of a time refuses.
#[allow(clippy::cast_possible_truncation)] // saturates
fn millis(now_ms: f64) -> i64 {
    now_ms as i64
}

fn seconds(now_ms: f64) -> i64 {
    millis(now_ms).div_euclid(1000)
}
