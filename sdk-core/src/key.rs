use std::fmt;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

/// What a key signs with.
pub(crate) type HmacSha256 = Hmac<Sha256>;
/// A MAC, or a signature that may be one; compared in constant time.
pub(crate) type Tag = hmac::digest::CtOutput<HmacSha256>;

/// Standard alphabet; whether a secret was copied with its `=` or without is no reason to refuse it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const BASE64_PREFIX: &str = "whsec_";

/// A secret: signs events and tokens, and serves as a bearer's word.
///
/// Its bytes are, after `whsec_`, the base64-decoded rest; without that prefix, the text's UTF-8 bytes.
///
/// ```
/// use forge_relay_core::Key;
/// let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// assert_eq!(key.id().len(), 8);
/// assert!(key.is_weak(), "24 bytes: fit for a published test vector, not for a relay");
/// # Ok::<(), forge_relay_core::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    id: Box<str>,
    bytes: Box<[u8]>,
    /// Keyed once; a clone of it is cheaper than keying again.
    mac: HmacSha256,
    /// The MAC of the secret's own text: what a bearer is compared with, so that the text need not be kept.
    bearer: [u8; 32],
    pub(crate) decoding: DecodingKey,
}

/// Why a text is no key. None of them repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no text, or nothing after `whsec_`.
    #[error("the secret is empty: make one with `forge-relay keys new`")]
    Empty,
    /// What follows `whsec_` is not base64.
    #[error(
        "what follows whsec_ must be standard base64: copy the whole secret, or make one with `forge-relay keys new`"
    )]
    NotBase64,
    /// Commas and white space separate secrets.
    #[error("a secret cannot hold commas or white space: they separate several secrets")]
    Separator,
}

impl Key {
    /// The relay and the SDKs refuse keys of fewer bytes: SHA-256 gives no more strength than the key has.
    pub const MIN_BYTES: usize = 32;

    /// Reads a secret as it stands in a setting.
    ///
    /// # Errors
    /// [`KeyError`]; length is not one of them, see [`Key::is_weak`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.contains(is_separator) {
            return Err(KeyError::Separator);
        }
        let bytes = match text.strip_prefix(BASE64_PREFIX) {
            Some(rest) => BASE64.decode(rest).map_err(|_| KeyError::NotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err(KeyError::Empty);
        }
        let mac = keyed(&bytes);
        let bearer = mac
            .clone()
            .chain_update(text)
            .finalize()
            .into_bytes()
            .into();
        Ok(Self {
            id: id(&bytes),
            decoding: DecodingKey::from_secret(&bytes),
            bytes: bytes.into(),
            mac,
            bearer,
        })
    }

    /// The first 8 hex digits of the SHA-256 of the key's bytes: enough to tell keys apart in a log, of no use to guess
    /// one that is not weak.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has fewer than [`Key::MIN_BYTES`].
    pub fn is_weak(&self) -> bool {
        self.length() < Self::MIN_BYTES
    }

    /// HMAC-SHA256 over the parts, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Tag {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a text is this secret's. Compares MACs, so the time it takes tells nothing about the secret.
    pub(crate) fn matches_bearer(&self, text: &str) -> bool {
        self.mac(&[text.as_bytes()]) == Tag::new(self.bearer.into())
    }
}

/// What separates secrets where several may stand.
pub(crate) fn is_separator(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

/// HMAC takes a key of any length.
#[allow(clippy::expect_used)] // `new_from_slice` of HMAC has no failing case; its trait's signature has.
pub(crate) fn keyed(bytes: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(bytes).expect("HMAC takes a key of any length")
}

fn id(bytes: &[u8]) -> Box<str> {
    let digest = Sha256::digest(bytes);
    let mut id = String::with_capacity(8);
    for byte in digest.iter().take(4) {
        for nibble in [byte >> 4, byte & 0xf] {
            id.push(char::from_digit(u32::from(nibble), 16).unwrap_or_default());
        }
    }
    id.into()
}

/// Shows the id, never the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}
