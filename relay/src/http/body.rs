//! Reading a request's body: a size limit before anything is buffered, a deadline, and the one content type.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use forge_relay_core::Code;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::problem::Rejection;

/// How much of a body that is too large is still taken in and thrown away, so that the answer arrives: a connection
/// closed over unread bytes is reset, and the reset may overtake the answer.
const DISCARD_BYTES: u64 = 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// Reads the whole body, or says why not: `too_large`, `request_timeout`, `bad_request` (it broke off).
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, Rejection> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .or(body.size_hint().exact());
    if declared.is_some_and(|length| length > limit as u64) {
        // Who asked first (`Expect: 100-continue`) has sent nothing yet, and reading would ask for it.
        if !headers.contains_key(EXPECT) {
            discard(&mut body, declared.unwrap_or(u64::MAX)).await;
        }
        return Err(too_large(limit));
    }
    match timeout(deadline, collect(&mut body, limit, declared)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(Stopped::TooLarge)) => {
            discard(&mut body, 0).await;
            Err(too_large(limit))
        }
        Ok(Err(Stopped::BrokenOff)) => Err(Rejection::new(
            Code::BadRequest,
            "the request's body broke off: send all of what Content-Length or the last chunk announces",
        )),
        Err(_) => Err(Rejection::new(
            Code::RequestTimeout,
            format!("send the whole body within {} seconds", deadline.as_secs()),
        )),
    }
}

enum Stopped {
    TooLarge,
    BrokenOff,
}

async fn collect(body: &mut Body, limit: usize, declared: Option<u64>) -> Result<Bytes, Stopped> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Stopped::BrokenOff)?.into_data() else {
            continue; // trailers say nothing here
        };
        if data.len() > limit - whole.len() {
            return Err(Stopped::TooLarge);
        }
        if whole.is_empty() && declared == Some(data.len() as u64) {
            return Ok(data); // the usual case: one read brought it all, and nothing is copied
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

async fn discard(body: &mut Body, declared: u64) {
    if declared > 2 * DISCARD_BYTES {
        return;
    }
    let _ = timeout(DISCARD_TIME, async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, |data| data.len() as u64);
            if taken > 2 * DISCARD_BYTES {
                break;
            }
        }
    })
    .await;
}

fn too_large(limit: usize) -> Rejection {
    Rejection::new(
        Code::TooLarge,
        format!("send at most {limit} bytes of body"),
    )
}

/// Whether this is JSON as the routes take it: `application/json`, with any parameters, not compressed.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Rejection> {
    let essence = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or("");
        text.split(';')
            .next()
            .unwrap_or("")
            .trim()
            .eq_ignore_ascii_case("application/json")
    };
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    if !types.next().is_some_and(essence) || types.next().is_some() {
        return Err(Rejection::new(
            Code::UnsupportedMediaType,
            "send the body as JSON, with the header `Content-Type: application/json`",
        ));
    }
    let plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Rejection::new(
            Code::UnsupportedMediaType,
            "send the body as it is, without a `Content-Encoding`",
        ));
    }
    Ok(())
}
