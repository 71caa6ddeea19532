//! sdk-core's publisher as an addon of Node: what `sdk-node/wasm` is as WebAssembly, function by function. JSON in,
//! JSON out; a failure is thrown as an `Error` whose message is its JSON. The randomness that sdk-core is given is made
//! here, too.

use forge_relay_core::publisher::{self, Failure, text};
use napi::{Error, Result, Status};
use napi_derive::napi;

/// Keys, app and rules.
#[napi]
pub struct Publisher(publisher::Publisher);

#[napi]
impl Publisher {
    /// From `{ secret, tokenSecret?, app?, payloadBytes? }`.
    #[napi(constructor)]
    pub fn new(settings: String) -> Result<Self> {
        publisher::Publisher::new(settings.as_bytes())
            .map(Self)
            .map_err(thrown)
    }

    /// The body of a publish, from an event that may lack its nonce and time.
    #[napi]
    pub fn complete(&self, event: String, nonce: String, now_ms: f64) -> Result<String> {
        text::complete(&self.0, &event, &nonce, now_ms).map_err(thrown)
    }

    /// The body of a batch, from events that may.
    #[napi]
    pub fn complete_batch(&self, events: String, nonce: String, now_ms: f64) -> Result<String> {
        text::complete_batch(&self.0, &events, &nonce, now_ms).map_err(thrown)
    }

    /// The body of an earlier attempt, with the time of this one.
    #[napi]
    pub fn restamp(&self, body: String, now_ms: f64) -> Result<String> {
        text::restamp(&self.0, &body, now_ms).map_err(thrown)
    }

    /// The header fields of a signed request.
    #[napi]
    pub fn headers(&self, body: &[u8], id: String, now_ms: f64) -> String {
        text::headers(&self.0, body, &id, now_ms)
    }

    /// `{ token, expiresAt }` for `{ accountId, sessionId, expiresIn? }`.
    #[napi]
    pub fn mint(&self, request: String, jti: String, now_ms: f64) -> Result<String> {
        text::mint(&self.0, &request, &jti, now_ms).map_err(thrown)
    }

    /// The claims of a token that a relay would take.
    #[napi]
    pub fn verify(&self, token: String, now_ms: f64) -> Result<String> {
        text::verify(&self.0, &token, now_ms).map_err(thrown)
    }
}

/// The receipts that an answer holds, as an array.
#[napi]
pub fn receipts(answer: String, body: &[u8], batch: Option<u32>) -> Result<String> {
    text::receipts(&answer, body, batch).map_err(thrown)
}

/// A random UUID, straight from the system. WebAssembly has it from its host; here the host's costs a cold start the
/// loading of Web Crypto.
#[napi]
pub fn random_uuid() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            Status::GenericFailure,
            format!("the system gives no randomness: {error}"),
        )
    })?;
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(uuid.hyphenated().to_string())
}

fn thrown(failure: Failure) -> Error {
    Error::new(Status::GenericFailure, failure.to_json())
}
