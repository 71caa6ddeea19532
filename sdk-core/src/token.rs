//! Tokens: HS256 JWTs that say who may subscribe to which session, and until when.
//!
//! ```
//! use forge_relay_core::token::{self, NewToken, TokenRules};
//! use forge_relay_core::{KeyRing, SessionId};
//!
//! let ring = KeyRing::parse("a-secret-that-has-at-least-32-bytes")?;
//! let session_id = SessionId::parse("abc-123")?;
//! let new = NewToken { account_id: "acct-1", session_id: &session_id, expires_in: 300, issuer: None };
//! let minted = token::mint(&ring, &new, 1_714_557_600, "jti-1")?;
//! let claims = token::verify(&ring, &minted.token, &TokenRules::default(), 1_714_557_700)?;
//! assert_eq!(claims.exp, 1_714_557_900);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::Value;

pub use crate::claims::{Claims, SUBSCRIBE};
pub use crate::request::Minted;
use crate::request::{AccountId, MAX_TOKEN_LIFE};
use crate::{Code, Key, KeyRing, MAX_SEQ, SessionId, hs256};

/// A longer text is refused before it is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The latest time a token may name: the largest integer that JavaScript counts exactly.
const MAX_TIME: u64 = MAX_SEQ;

/// What a token must keep to, beside the contract's fixed rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRules<'a> {
    /// The most seconds between `iat` and `exp`.
    pub max_life: u32,
    /// How many seconds `iat` and `nbf` may be ahead of the clock, and `exp` behind it.
    pub leeway: u32,
    /// Which `iss` is right.
    pub issuer: Issuer<'a>,
}

/// The rule for a token's `iss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer<'a> {
    /// Any or none: whoever asks does not know the app.
    Any,
    /// None, or this app: the relay serves one app.
    Optional(&'a str),
    /// This app: the relay serves several.
    Required(&'a str),
}

impl Default for TokenRules<'_> {
    fn default() -> Self {
        Self {
            max_life: MAX_TOKEN_LIFE,
            leeway: 10,
            issuer: Issuer::Any,
        }
    }
}

/// What a new token is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewToken<'a> {
    /// Whose it is: 1 to 256 characters.
    pub account_id: &'a str,
    /// The session that it opens.
    pub session_id: &'a SessionId,
    /// Its life in seconds, 1 to [`MAX_TOKEN_LIFE`].
    pub expires_in: u32,
    /// The app, where a relay serves several.
    pub issuer: Option<&'a str>,
}

/// Why a token is refused, or cannot be made. None of them repeats the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("there is no token: fetch one from the app and send it")]
    Missing,
    /// Not a token, not signed by one of the keys, or with claims that break the rules.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// Its time is over.
    #[error("the token expired {ago} s ago: fetch a new one from the app")]
    Expired {
        /// How many seconds ago.
        ago: u64,
    },
    /// Its time has not come.
    #[error(
        "the token is not valid for another {ahead} s: check the clock of the machine that made it"
    )]
    NotYetValid {
        /// In how many seconds.
        ahead: u64,
    },
    /// Made for longer than is allowed.
    #[error(
        "the token lives {life} s and at most {max} s are allowed: mint a shorter one, and refresh it"
    )]
    TooLongLived {
        /// Its `exp - iat`.
        life: u64,
        /// The most.
        max: u32,
    },
    /// Its scope does not contain `subscribe`.
    #[error("the token's scope must be an array that contains \"subscribe\"")]
    ScopeMissing,
    /// A new token cannot be made so.
    #[error("a token cannot be minted: {0}")]
    Unmintable(&'static str),
}

impl TokenError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Invalid(_) => Code::TokenInvalid,
            Self::Expired { .. } => Code::TokenExpired,
            Self::NotYetValid { .. } => Code::TokenNotYetValid,
            Self::TooLongLived { .. } => Code::TokenTooLongLived,
            Self::ScopeMissing => Code::ScopeMissing,
            Self::Unmintable(_) => Code::Invalid,
        }
    }
}

/// Mints a token with the ring's first key, whose id becomes the `kid`. `jti` is the caller's randomness.
///
/// # Errors
/// [`TokenError::Unmintable`] where an argument is out of bounds.
pub fn mint(
    ring: &KeyRing,
    new: &NewToken<'_>,
    now_unix_seconds: i64,
    jti: &str,
) -> Result<Minted, TokenError> {
    if AccountId::parse(new.account_id).is_err() {
        return Err(TokenError::Unmintable(
            "the account id must have 1 to 256 characters",
        ));
    }
    if !has_length(jti, Claims::MAX_JTI) {
        return Err(TokenError::Unmintable(
            "the jti must have 1 to 128 characters",
        ));
    }
    if !(1..=MAX_TOKEN_LIFE).contains(&new.expires_in) {
        return Err(TokenError::Unmintable(
            "expires_in must be 1 to 300 seconds",
        ));
    }
    let latest = MAX_TIME.saturating_sub(u64::from(new.expires_in));
    if !u64::try_from(now_unix_seconds).is_ok_and(|now| now <= latest) {
        return Err(TokenError::Unmintable("the clock is out of range"));
    }
    let claims = Claims {
        sub: new.account_id.into(),
        session_id: new.session_id.clone(),
        scope: vec![SUBSCRIBE.into()],
        exp: now_unix_seconds + i64::from(new.expires_in),
        iat: now_unix_seconds,
        jti: jti.into(),
        nbf: None,
        iss: new.issuer.map(Into::into),
    };
    hs256::install();
    let key = ring.signing();
    let header = Header {
        kid: Some(key.id().into()),
        ..Header::new(Algorithm::HS256)
    };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(key.bytes()))
        .map_err(|_| TokenError::Unmintable("signing failed"))?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Unmintable(
            "it would be larger than 8 KiB: use shorter names",
        ));
    }
    Ok(Minted {
        token,
        expires_at: claims.exp,
    })
}

/// Checks a token: form, signature by any of the ring's keys, every claim, and the time.
///
/// # Errors
/// [`TokenError`]. Where several things are wrong, what no waiting or fetching cures comes first.
pub fn verify(
    ring: &KeyRing,
    token: &str,
    rules: &TokenRules<'_>,
    now_unix_seconds: i64,
) -> Result<Claims, TokenError> {
    let header = read_header(token)?;
    let sent = verified(ring, token, header.kid.as_deref())?;
    let claims = sent.check()?;
    check_issuer(claims.iss.as_deref(), rules.issuer)?;
    if !claims.scope.iter().any(|scope| scope == SUBSCRIBE) {
        return Err(TokenError::ScopeMissing);
    }
    check_times(&claims, rules, now_unix_seconds)?;
    Ok(claims)
}

/// The `iss` of a token that nobody verified yet: which app's keys to verify it with.
///
/// # Errors
/// As [`verify`] for what is no token at all.
pub fn peek_issuer(token: &str) -> Result<Option<String>, TokenError> {
    read_header(token)?;
    let sent: Sent = jsonwebtoken::dangerous::insecure_decode_claims(token)
        .map_err(|_| TokenError::Invalid(MALFORMED_CLAIMS))?;
    sent.issuer()
}

/// Whether a text has the form of a signed JWS: a bearer value that does is a token, any other a secret.
pub fn looks_like_jws(text: &str) -> bool {
    if text.len() > MAX_TOKEN_BYTES {
        return false;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return false;
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let Some(header) = decode(header) else {
        return false;
    };
    #[derive(Deserialize)]
    struct Alg {
        #[serde(rename = "alg")]
        _alg: String,
    }
    header.starts_with(b"{")
        && serde_json::from_slice::<Alg>(&header).is_ok()
        && decode(claims).is_some()
        && decode(signature).is_some()
}

const MALFORMED_CLAIMS: &str = "its claims must be a JSON object in base64url, each claim once";

/// The header, where it is one that we take: HS256 and nothing critical that we do not know.
fn read_header(token: &str) -> Result<Header, TokenError> {
    if token.is_empty() {
        return Err(TokenError::Missing);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Invalid("it is larger than 8 KiB"));
    }
    // An `alg` that the library does not know, `none` for one, is an error of the header to it.
    let header = jsonwebtoken::decode_header(token).map_err(|_| {
        TokenError::Invalid("it must be a JWT, three parts of base64url, with alg HS256")
    })?;
    if header.alg != Algorithm::HS256 {
        return Err(TokenError::Invalid("its alg must be HS256"));
    }
    if header.crit.is_some() {
        return Err(TokenError::Invalid(
            "it has critical header fields (crit), and none is supported",
        ));
    }
    Ok(header)
}

/// The claims, once one of the keys has verified them; the key that `kid` names is tried first.
fn verified(ring: &KeyRing, token: &str, kid: Option<&str>) -> Result<Sent, TokenError> {
    hs256::install();
    // The clock is the caller's, so every check of time is ours.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;

    let is_named = |key: &&Key| kid.is_some_and(|kid| kid == key.id());
    let named = ring.keys().iter().filter(is_named);
    let others = ring.keys().iter().filter(|key| !is_named(key));
    for key in named.chain(others) {
        match jsonwebtoken::decode::<Sent>(token, &key.decoding, &validation) {
            Ok(data) => return Ok(data.claims),
            Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
            Err(_) => return Err(TokenError::Invalid(MALFORMED_CLAIMS)),
        }
    }
    Err(TokenError::Invalid(
        "its signature is not from a key of this app: mint it with the relay's token secret",
    ))
}

/// Claims as they were sent: anything may be anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    sub: Option<Value>,
    session_id: Option<Value>,
    scope: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
    jti: Option<Value>,
    nbf: Option<Value>,
    iss: Option<Value>,
}

impl Sent {
    fn check(self) -> Result<Claims, TokenError> {
        let iss = self.issuer()?;
        let sub = text(self.sub, Claims::MAX_SUB).ok_or(TokenError::Invalid(
            "sub must be a string of 1 to 256 characters",
        ))?;
        let jti = text(self.jti, Claims::MAX_JTI).ok_or(TokenError::Invalid(
            "jti must be a string of 1 to 128 characters",
        ))?;
        let session_id = self
            .session_id
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|text| SessionId::parse(text).ok());
        let session_id = session_id.ok_or(TokenError::Invalid(
            "sessionId must be a string of 1 to 128 of A-Z a-z 0-9 . _ : ~ -",
        ))?;
        let exp =
            time(self.exp.as_ref()).ok_or(TokenError::Invalid("exp must be whole unix seconds"))?;
        let iat =
            time(self.iat.as_ref()).ok_or(TokenError::Invalid("iat must be whole unix seconds"))?;
        let nbf = match &self.nbf {
            None => None,
            nbf => Some(
                time(nbf.as_ref()).ok_or(TokenError::Invalid("nbf must be whole unix seconds"))?,
            ),
        };
        if exp <= iat {
            return Err(TokenError::Invalid("exp must be after iat"));
        }
        Ok(Claims {
            sub,
            session_id,
            scope: scope(self.scope)?,
            exp,
            iat,
            jti,
            nbf,
            iss,
        })
    }

    fn issuer(&self) -> Result<Option<String>, TokenError> {
        match &self.iss {
            None => Ok(None),
            Some(Value::String(issuer)) => Ok(Some(issuer.clone())),
            Some(_) => Err(TokenError::Invalid("iss must be a string: the app's id")),
        }
    }
}

fn text(value: Option<Value>, max: usize) -> Option<String> {
    match value {
        Some(Value::String(text)) if has_length(&text, max) => Some(text),
        _ => None,
    }
}

fn has_length(text: &str, max: usize) -> bool {
    !text.is_empty() && text.chars().nth(max).is_none()
}

fn time(value: Option<&Value>) -> Option<i64> {
    let seconds = value?.as_u64().filter(|seconds| *seconds <= MAX_TIME)?;
    i64::try_from(seconds).ok()
}

fn scope(value: Option<Value>) -> Result<Vec<String>, TokenError> {
    let Some(value) = value else {
        return Err(TokenError::ScopeMissing);
    };
    serde_json::from_value(value)
        .map_err(|_| TokenError::Invalid("scope must be an array of strings"))
}

fn check_issuer(sent: Option<&str>, rule: Issuer<'_>) -> Result<(), TokenError> {
    let app = match (rule, sent) {
        (Issuer::Any, _) | (Issuer::Optional(_), None) => return Ok(()),
        (Issuer::Required(_), None) => {
            return Err(TokenError::Invalid(
                "it needs an iss, the app's id: this relay serves several apps",
            ));
        }
        (Issuer::Optional(app) | Issuer::Required(app), Some(sent)) => (app, sent),
    };
    if app.0 == app.1 {
        Ok(())
    } else {
        Err(TokenError::Invalid("its iss is not this app"))
    }
}

/// Times are at most 2^53, so that sums and differences of them cannot overflow.
fn check_times(claims: &Claims, rules: &TokenRules<'_>, now: i64) -> Result<(), TokenError> {
    let life = claims.exp.abs_diff(claims.iat);
    if life > u64::from(rules.max_life) {
        return Err(TokenError::TooLongLived {
            life,
            max: rules.max_life,
        });
    }
    let leeway = i64::from(rules.leeway);
    let begins = claims.iat.max(claims.nbf.unwrap_or(claims.iat));
    if begins - leeway > now {
        return Err(TokenError::NotYetValid {
            ahead: begins.abs_diff(now),
        });
    }
    if now > claims.exp + leeway {
        return Err(TokenError::Expired {
            ago: now.abs_diff(claims.exp),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Deserialize)]
    struct File {
        signature: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        secret: String,
        token: String,
        valid: bool,
    }

    /// RFC 7515's example has none of our claims, so only its signature can be held against us.
    #[test]
    fn a_signature_is_one_or_is_not() {
        let file: File = serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap();
        assert!(!file.signature.is_empty());
        for case in file.signature {
            let ring = KeyRing::parse(&case.secret).unwrap();
            assert_eq!(
                verified(&ring, &case.token, None).is_ok(),
                case.valid,
                "{}",
                case.name
            );
        }
    }
}
