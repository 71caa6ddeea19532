//! sdk-core's publisher as WebAssembly: what `sdk-node/src/lib.rs` is as an addon, function by function. JSON in, JSON
//! out; a failure is thrown as an `Error` whose message is its JSON.

use forge_relay_core::publisher::{self, Failure, text};
use wasm_bindgen::prelude::*;

/// Keys, app and rules.
#[wasm_bindgen]
pub struct Publisher(publisher::Publisher);

#[wasm_bindgen]
impl Publisher {
    /// From `{ secret, tokenSecret?, app?, payloadBytes? }`.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &str) -> Result<Publisher, JsError> {
        publisher::Publisher::new(settings.as_bytes())
            .map(Self)
            .map_err(thrown)
    }

    /// The body of a publish, from an event that may lack its nonce and time.
    pub fn complete(&self, event: &str, nonce: &str, now_ms: f64) -> Result<String, JsError> {
        text::complete(&self.0, event, nonce, now_ms).map_err(thrown)
    }

    /// The body of a batch, from events that may.
    #[wasm_bindgen(js_name = completeBatch)]
    pub fn complete_batch(
        &self,
        events: &str,
        nonce: &str,
        now_ms: f64,
    ) -> Result<String, JsError> {
        text::complete_batch(&self.0, events, nonce, now_ms).map_err(thrown)
    }

    /// The body of an earlier attempt, with the time of this one.
    pub fn restamp(&self, body: &str, now_ms: f64) -> Result<String, JsError> {
        text::restamp(&self.0, body, now_ms).map_err(thrown)
    }

    /// The header fields of a signed request.
    pub fn headers(&self, body: &[u8], id: &str, now_ms: f64) -> String {
        text::headers(&self.0, body, id, now_ms)
    }

    /// `{ token, expiresAt }` for `{ accountId, sessionId, expiresIn? }`.
    pub fn mint(&self, request: &str, jti: &str, now_ms: f64) -> Result<String, JsError> {
        text::mint(&self.0, request, jti, now_ms).map_err(thrown)
    }

    /// The claims of a token that a relay would take.
    pub fn verify(&self, token: &str, now_ms: f64) -> Result<String, JsError> {
        text::verify(&self.0, token, now_ms).map_err(thrown)
    }
}

/// The receipts that an answer holds, as an array.
#[wasm_bindgen]
pub fn receipts(answer: &str, body: &[u8], batch: Option<u32>) -> Result<String, JsError> {
    text::receipts(answer, body, batch).map_err(thrown)
}

fn thrown(failure: Failure) -> JsError {
    JsError::new(&failure.to_json())
}
