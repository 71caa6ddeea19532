//! Tokens, good and bad: RFC 7515 by hand, so that any header and any claim can be wrong.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::app::fresh;
use super::wait::now;

/// A token before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct TokenText {
    header: Value,
    claims: Value,
}

impl TokenText {
    pub(crate) fn new(account: &str, session: &str) -> Self {
        let now = now();
        Self {
            header: json!({ "alg": "HS256", "typ": "JWT" }),
            claims: json!({
                "sub": account,
                "sessionId": session,
                "scope": ["subscribe"],
                "iat": now,
                "exp": now + 300,
                "jti": fresh(),
            }),
        }
    }

    /// One claim changed or added.
    pub(crate) fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    /// One claim left out.
    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(claim);
        self
    }

    /// Issued now, and good for so many seconds.
    pub(crate) fn expires_in(self, seconds: i64) -> Self {
        let now = now();
        self.with("iat", now).with("exp", now + seconds)
    }

    /// One member of the header changed or added.
    pub(crate) fn header(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.header[member] = value.into();
        self
    }

    /// The compact form, signed with HMAC-SHA256 whatever the header says.
    pub(crate) fn signed(&self, key: &[u8]) -> String {
        let signed = self.unsigned();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(signed.as_bytes());
        format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    }

    /// Header and claims, without a signature.
    pub(crate) fn unsigned(&self) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}
