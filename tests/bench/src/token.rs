//! HS256 tokens as the brief describes them: minted by the load generator, verified by the socketioxide peer.
//! Not sdk-core's, so that a mistake there cannot hide in its own benchmark.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a token lives: the longest that the brief allows.
pub(crate) const LIFE_SECONDS: u64 = 300;

/// What the peers read of a token.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    #[serde(rename = "sessionId")]
    pub(crate) session_id: String,
    scope: Vec<String>,
    exp: u64,
}

/// A token for `account` in `session`, valid from `now` (Unix seconds) on; `jti` makes it unique.
pub(crate) fn mint(secret: &str, account: &str, session: &str, now: u64, jti: &str) -> String {
    let claims = serde_json::json!({
        "sub": account, "sessionId": session, "scope": ["subscribe"],
        "iat": now, "exp": now + LIFE_SECONDS, "jti": jti,
    });
    let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = keyed(secret).chain_update(&token).finalize().into_bytes();
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// The claims, if the signature, the scope and the time are right; else why not.
pub(crate) fn verify(secret: &str, token: &str, now: u64) -> Result<Claims, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("not a token")?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| "bad signature")?;
    if !signed.starts_with(HEADER) {
        return Err("another algorithm");
    }
    keyed(secret)
        .chain_update(signed)
        .verify_slice(&signature)
        .map_err(|_| "bad signature")?;
    let claims = unverified(token)?;
    if claims.exp <= now {
        return Err("expired");
    }
    if !claims.scope.iter().any(|scope| scope == "subscribe") {
        return Err("no subscribe scope");
    }
    Ok(claims)
}

/// The claims of a token that nobody checked: the floor's way.
pub(crate) fn unverified(token: &str) -> Result<Claims, &'static str> {
    let claims = token.split('.').nth(1).ok_or("not a token")?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "not base64")?;
    serde_json::from_slice(&claims).map_err(|_| "not claims")
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("any length")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what must hold")]
    use super::*;

    #[test]
    fn a_minted_token_verifies_until_it_expires_and_only_with_its_secret() {
        let token = mint("secret", "acct-1", "bench-0001", 1_000, "j1");
        assert_eq!(
            verify("secret", &token, 1_001).unwrap().session_id,
            "bench-0001"
        );
        assert_eq!(verify("other", &token, 1_001).unwrap_err(), "bad signature");
        assert_eq!(
            verify("secret", &token, 1_000 + LIFE_SECONDS).unwrap_err(),
            "expired"
        );
        assert_eq!(unverified(&token).unwrap().session_id, "bench-0001");
    }
}
