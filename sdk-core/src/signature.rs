//! [Standard Webhooks](https://www.standardwebhooks.com) signatures over requests.
//!
//! ```text
//! webhook-id: msg_1                 the request's own id, without a full stop
//! webhook-timestamp: 1714557600     Unix seconds
//! webhook-signature: v1,<base64 of HMAC-SHA256(key, "msg_1.1714557600." + body)> v1,…
//! ```
//!
//! ```
//! use forge_relay_core::{KeyRing, signature};
//! let ring = KeyRing::parse("a-secret-that-has-at-least-32-bytes")?;
//! let signed = signature::sign(&ring, "msg_1", 1_714_557_600, b"{}");
//! let headers = signature::Headers { id: Some("msg_1"), timestamp: Some("1714557600"), signature: Some(&signed) };
//! assert_eq!(signature::verify(&ring, headers, b"{}", 1_714_557_601, 300), Ok(()));
//! # Ok::<(), forge_relay_core::KeyError>(())
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::key::Tag;
use crate::{Code, KeyRing};

/// The header that names the request.
pub const ID: &str = "webhook-id";
/// The header that says when it was sent.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header that holds the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// The most characters of an id.
const MAX_ID: usize = 256;
/// The most digits of a timestamp: the year 5138 has 11.
const MAX_TIMESTAMP: usize = 11;
/// The most characters of the signature header; a `v1` signature has 47.
const MAX_SIGNATURES: usize = 4096;
const VERSION: &str = "v1,";

/// The three headers as they came; `None` for one that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is not there.
    #[error(
        "sign the request: it needs the headers webhook-id, webhook-timestamp and webhook-signature"
    )]
    Missing,
    /// A header does not look as it must.
    #[error(
        "a webhook header is malformed: webhook-id is 1 to 256 visible characters without a full stop, webhook-timestamp \
         whole unix seconds, webhook-signature v1,<base64> (several separated by spaces)"
    )]
    Malformed,
    /// The timestamp is too far from the clock, either way.
    #[error(
        "the signature's webhook-timestamp is too far from the relay's clock: sign when you send, and check the clock"
    )]
    Expired,
    /// No key made any of the signatures.
    #[error(
        "the signature does not match: sign the exact bytes of the body, with a secret that the relay has too"
    )]
    Invalid,
}

impl SignatureError {
    /// The stable code.
    pub fn code(self) -> Code {
        match self {
            Self::Missing => Code::Unauthenticated,
            Self::Malformed | Self::Invalid => Code::SignatureInvalid,
            Self::Expired => Code::SignatureExpired,
        }
    }
}

/// Signs a body with the ring's first key. The text is the whole value of `webhook-signature`.
///
/// The id must be 1 to 256 visible ASCII characters without a full stop, or [`verify`] refuses it.
pub fn sign(ring: &KeyRing, id: &str, unix_seconds: i64, body: &[u8]) -> String {
    let timestamp = unix_seconds.to_string();
    let tag = ring
        .signing()
        .mac(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
    let mut signature = String::from(VERSION);
    STANDARD.encode_string(tag.into_bytes(), &mut signature);
    signature
}

/// Checks that one of the ring's keys signed this body, not longer ago, nor further ahead, than `tolerance_seconds`.
///
/// # Errors
/// [`SignatureError`].
pub fn verify(
    ring: &KeyRing,
    headers: Headers<'_>,
    body: &[u8],
    now_unix_seconds: i64,
    tolerance_seconds: u64,
) -> Result<(), SignatureError> {
    let Headers {
        id: Some(id),
        timestamp: Some(timestamp),
        signature: Some(signatures),
    } = headers
    else {
        return Err(SignatureError::Missing);
    };
    // A full stop would let one signed text be read as another request: the parts are joined by full stops.
    let id_is_good =
        (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'.');
    if !id_is_good || signatures.len() > MAX_SIGNATURES {
        return Err(SignatureError::Malformed);
    }
    let sent_at = parse_timestamp(timestamp).ok_or(SignatureError::Malformed)?;
    let candidates = parse_signatures(signatures)?;
    if sent_at.abs_diff(now_unix_seconds) > tolerance_seconds {
        return Err(SignatureError::Expired);
    }
    let signed_by_one = ring.keys().iter().fold(false, |found, key| {
        let tag = key.mac(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        candidates
            .iter()
            .fold(found, |found, candidate| found | (tag == *candidate))
    });
    if signed_by_one {
        Ok(())
    } else {
        Err(SignatureError::Invalid)
    }
}

/// Digits only: no sign, no leading zero, no white space, so that a moment has one text.
fn parse_timestamp(text: &str) -> Option<i64> {
    let digits =
        !text.is_empty() && text.len() <= MAX_TIMESTAMP && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// The `v1` signatures. Other versions are for other verifiers and ignored; a header without any version is malformed.
fn parse_signatures(text: &str) -> Result<Vec<Tag>, SignatureError> {
    let mut tags = Vec::new();
    for signature in text.split(' ').filter(|signature| !signature.is_empty()) {
        if !signature.contains(',') {
            return Err(SignatureError::Malformed);
        }
        let Some(encoded) = signature.strip_prefix(VERSION) else {
            continue;
        };
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| SignatureError::Malformed)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SignatureError::Malformed)?;
        tags.push(Tag::new(bytes.into()));
    }
    if tags.is_empty() {
        return Err(SignatureError::Malformed);
    }
    Ok(tags)
}
