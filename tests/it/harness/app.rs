//! An app as the relay's users run one: its secret, the events it publishes, the requests it signs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::http::{Answer, Http, Request};
use super::token::TokenText;
use super::wait::now;

/// One app and its secret.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: &'static str,
    pub(crate) secret: String,
}

impl App {
    /// The app of a relay that serves one.
    pub(crate) fn new() -> Self {
        Self::named("default")
    }

    /// An app with a secret that is the same in every run.
    pub(crate) fn named(id: &'static str) -> Self {
        Self {
            id,
            secret: secret_of(id),
        }
    }

    /// The HMAC key that the secret stands for.
    pub(crate) fn key(&self) -> Vec<u8> {
        key_bytes(&self.secret)
    }

    /// A token of `account` for `session`, good for 300 s.
    pub(crate) fn token(&self, account: &str, session: &str) -> String {
        self.token_text(account, session).signed(&self.key())
    }

    /// The same, to be changed before it is signed.
    pub(crate) fn token_text(&self, account: &str, session: &str) -> TokenText {
        TokenText::new(account, session)
    }

    /// A signed `POST` of `body`.
    pub(crate) fn signed(&self, path: &str, body: impl Into<Vec<u8>>) -> Request {
        self.signed_at(path, body, now())
    }

    /// The same at another time.
    pub(crate) fn signed_at(
        &self,
        path: &str,
        body: impl Into<Vec<u8>>,
        unix_seconds: i64,
    ) -> Request {
        let body = body.into();
        let id = format!("msg_{}", fresh());
        let signature = sign(&self.key(), &id, unix_seconds, &body);
        Request::post(path)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &unix_seconds.to_string())
            .header("webhook-signature", &signature)
            .body(body)
    }

    /// A `POST` of `body` with the secret as bearer.
    pub(crate) fn bearer(&self, path: &str, body: impl Into<Vec<u8>>) -> Request {
        Request::post(path)
            .header("content-type", "application/json")
            .header("authorization", &format!("Bearer {}", self.secret))
            .body(body)
    }

    /// Publishes one event, which must be taken.
    pub(crate) async fn publish(&self, http: &Http, event: &EventText) -> Receipt {
        let answer = http
            .send(
                self.signed("/events", event.to_string())
                    .header("relay-app", self.id),
            )
            .await;
        Receipt::of(&answer)
    }

    /// Publishes `n = from..=to`, in batches; all must be taken.
    pub(crate) async fn publish_range(
        &self,
        http: &Http,
        session: &str,
        from: u64,
        to: u64,
    ) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        let numbers: Vec<u64> = (from..=to).collect();
        for numbers in numbers.chunks(100) {
            let batch: Vec<Value> = numbers
                .iter()
                .map(|n| EventText::numbered(session, *n).0)
                .collect();
            let request = self.signed("/events/batch", Value::from(batch).to_string());
            let answer = http.send(request.header("relay-app", self.id)).await;
            answer.expect(202);
            let all = answer.json()["receipts"].as_array().unwrap().clone();
            receipts.extend(
                all.into_iter()
                    .map(|receipt| serde_json::from_value::<Receipt>(receipt).unwrap()),
            );
        }
        receipts
    }
}

/// The answer to a publish, exactly as the contract has it.
#[derive(Clone, Debug, serde::Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) id: String,
    pub(crate) session_id: String,
    pub(crate) seq: u64,
    pub(crate) cursor: String,
    pub(crate) duplicate: bool,
}

impl Receipt {
    /// The receipt that a 202 carries.
    pub(crate) fn of(answer: &Answer) -> Self {
        answer.expect(202);
        serde_json::from_value(answer.json()).unwrap()
    }
}

/// An event's JSON, valid until a test changes it.
#[derive(Clone, Debug)]
pub(crate) struct EventText(pub(crate) Value);

impl EventText {
    pub(crate) fn new(session: &str) -> Self {
        Self(json!({
            "sessionId": session,
            "event": "vote.cast",
            "payload": { "value": "5" },
            "nonce": fresh(),
            "timestamp": rfc3339(now()),
        }))
    }

    /// An event that says its number, for tests that count.
    pub(crate) fn numbered(session: &str, n: u64) -> Self {
        Self::new(session).with("payload", json!({ "n": n }))
    }

    /// The event with one field changed or added.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0[field] = value.into();
        self
    }

    /// The event without one field.
    pub(crate) fn without(mut self, field: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(field);
        self
    }

    /// The same event with another nonce.
    pub(crate) fn renewed(self) -> Self {
        self.with("nonce", fresh())
    }
}

impl std::fmt::Display for EventText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// RFC 3339, in UTC.
pub(crate) fn rfc3339(unix_seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_seconds)
        .unwrap()
        .format(&Rfc3339)
        .unwrap()
}

/// Text that was never used before.
pub(crate) fn fresh() -> String {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret of 32 bytes, the same in every run.
pub(crate) fn secret_of(name: &str) -> String {
    let bytes: Vec<u8> = name.bytes().cycle().take(32).collect();
    format!("whsec_{}", BASE64_STANDARD.encode(bytes))
}

/// The key bytes of a secret: after `whsec_` the decoded rest, else its text.
pub(crate) fn key_bytes(secret: &str) -> Vec<u8> {
    secret.strip_prefix("whsec_").map_or_else(
        || secret.as_bytes().to_vec(),
        |rest| BASE64_STANDARD.decode(rest).unwrap(),
    )
}

/// Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
pub(crate) fn sign(key: &[u8], id: &str, unix_seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{unix_seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}
