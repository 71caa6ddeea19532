//! What a publisher does, but for the sending: the work of the SDKs and of whoever writes another.
//!
//! JSON goes in as the caller has it, so that whatever is wrong with it, types too, is said by the same rules and in
//! the same words as the relay says it, before anything is sent. The clock and randomness are arguments.
//!
//! ```
//! use forge_relay_core::publisher::Publisher;
//!
//! let publisher = Publisher::new(br#"{ "secret": "a-secret-that-has-at-least-32-bytes" }"#)?;
//! let body = publisher.complete(br#"{ "sessionId": "abc-123", "event": "vote.cast", "payload": 5 }"#, "0b9c", 1_714_557_600_000)?;
//! assert_eq!(body, r#"{"sessionId":"abc-123","event":"vote.cast","payload":5,"nonce":"0b9c","timestamp":"2024-05-01T10:00:00Z"}"#);
//! let headers = publisher.headers(body.as_bytes(), "msg_1", 1_714_557_600);
//! assert_eq!(headers.webhook_id, "msg_1");
//! # Ok::<(), forge_relay_core::publisher::Failure>(())
//! ```

mod answer;
mod failure;
mod settings;
pub mod text;

use serde::Serialize;

use crate::event::{Fill, MAX_BATCH};
use crate::request::{MAX_TOKEN_LIFE, TokenRequest};
use crate::token::{self, Issuer, NewToken, TokenRules};
use crate::{Claims, Event, FieldCode, KeyRing, Rules, Timestamp, Violation, signature};

pub use crate::request::Minted;
pub use answer::{Answer, receipts};
pub use failure::Failure;

/// Keys, app and rules: everything that a publisher knows between two requests.
#[derive(Debug, Clone)]
pub struct Publisher {
    keys: KeyRing,
    token_keys: KeyRing,
    app: Option<Box<str>>,
    rules: Rules,
}

/// The header fields of a signed request, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Headers<'a> {
    /// Always JSON.
    pub content_type: &'static str,
    /// The request's own id.
    pub webhook_id: &'a str,
    /// When it is sent, in Unix seconds.
    pub webhook_timestamp: String,
    /// The signature of the app's first key.
    pub webhook_signature: String,
    /// The app, where the relay serves several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_app: Option<&'a str>,
}

impl Publisher {
    /// Reads `{ secret, tokenSecret?, app?, payloadBytes? }`. A secret may be several, separated by commas or white
    /// space: the first signs. `payloadBytes` is for relays that take larger payloads than the default.
    ///
    /// # Errors
    /// `invalid`, with every field that is wrong; none of them repeats a secret.
    pub fn new(settings: &[u8]) -> Result<Self, Failure> {
        settings::read(settings)
    }

    /// The app, where one was named.
    pub fn app(&self) -> Option<&str> {
        self.app.as_deref()
    }

    /// The body of `POST /events`: the event as it was given, with `nonce` and the time where it has none of its own.
    ///
    /// # Errors
    /// `invalid`, with every field that is wrong.
    pub fn complete(&self, event: &[u8], nonce: &str, now_ms: i64) -> Result<String, Failure> {
        let fill = Fill::new(nonce, &timestamp(now_ms)?)?;
        let event = Event::complete(event, &fill, &self.rules, now_ms.div_euclid(1000))?;
        text_of(&event)
    }

    /// The body of `POST /events/batch`. An event without a nonce gets `nonce`, a hyphen and its index.
    ///
    /// # Errors
    /// `invalid`, with every field of every event that is wrong, by its index.
    pub fn complete_batch(
        &self,
        events: &[u8],
        nonce: &str,
        now_ms: i64,
    ) -> Result<String, Failure> {
        let timestamp = timestamp(now_ms)?;
        let fills = (0..MAX_BATCH)
            .map(|index| Fill::new(&format!("{nonce}-{index}"), &timestamp))
            .collect::<Result<Vec<_>, _>>()?;
        let events = Event::complete_batch(events, &fills, &self.rules, now_ms.div_euclid(1000))?;
        text_of(&events)
    }

    /// The body of an earlier attempt with the time of this one: everything else, the nonce above all, stays, so that
    /// the relay knows it for the same event.
    ///
    /// # Errors
    /// `invalid` where it is no event.
    pub fn restamp(&self, body: &[u8], now_ms: i64) -> Result<String, Failure> {
        // However old its own time is: it is about to be replaced.
        let any_time = Rules {
            clock_skew_seconds: u64::MAX,
            ..self.rules
        };
        let mut event = Event::parse(body, &any_time, 0)?;
        event.timestamp = timestamp(now_ms)?;
        text_of(&event)
    }

    /// Signs a body with the first key. The id must be 1 to 256 visible ASCII characters without a full stop.
    pub fn headers<'a>(&'a self, body: &[u8], id: &'a str, now_seconds: i64) -> Headers<'a> {
        Headers {
            content_type: "application/json",
            webhook_id: id,
            webhook_timestamp: now_seconds.to_string(),
            webhook_signature: signature::sign(&self.keys, id, now_seconds, body),
            relay_app: self.app(),
        }
    }

    /// Mints a token for `{ accountId, sessionId, expiresIn? }`. `jti` is the caller's randomness.
    ///
    /// # Errors
    /// `invalid`, with every field that is wrong.
    pub fn mint(&self, request: &[u8], jti: &str, now_seconds: i64) -> Result<Minted, Failure> {
        let request = TokenRequest::parse(request, MAX_TOKEN_LIFE)?;
        let new = NewToken {
            account_id: request.account_id.as_str(),
            session_id: &request.session_id,
            expires_in: request.expires_in.unwrap_or(MAX_TOKEN_LIFE),
            issuer: self.app(),
        };
        Ok(token::mint(&self.token_keys, &new, now_seconds, jti)?)
    }

    /// Checks a token as the relay would: signature, claims, scope and time, and that it is the app's, where one was
    /// named.
    ///
    /// # Errors
    /// The token's code, such as `token_expired`.
    pub fn verify(&self, token: &str, now_seconds: i64) -> Result<Claims, Failure> {
        let rules = TokenRules {
            issuer: self.app().map_or(Issuer::Any, Issuer::Required),
            ..TokenRules::default()
        };
        Ok(token::verify(&self.token_keys, token, &rules, now_seconds)?)
    }
}

fn timestamp(now_ms: i64) -> Result<Timestamp, Failure> {
    let at_the_clock = |violation: Violation| Failure::invalid(vec![violation.at("/timestamp")]);
    Timestamp::from_unix_millis(now_ms).map_err(at_the_clock)
}

fn text_of(value: &impl Serialize) -> Result<String, Failure> {
    // What was parsed can be written; the trait does not know.
    serde_json::to_string(value)
        .map_err(|error| Failure::field("", FieldCode::Format, error.to_string()))
}
