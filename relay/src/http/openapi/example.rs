//! The examples of the documents, in one place: they are one story, and tests hold them against the parsers.

use serde_json::{Value, json};

pub(super) const REQUEST_ID: &str = "018f3338-3c5c-7cc0-b0a1-5d8e4f0c9a11";
const EVENT_ID: &str = "018f3338-3c60-7d0e-8a44-2f9e6f3b1c22";
/// A token's form; its signature is no key's.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY2N0LTEyMyJ9.c2lnbmF0dXJl";

/// The example of a schema, `null` where there is none.
pub(in crate::http) fn example(schema: &str) -> Value {
    match schema {
        "Event" => json!({
            "sessionId": "abc-123",
            "event": "vote.cast",
            "payload": { "issueKey": "SCRUM-1", "value": "5", "participantId": "acct-123" },
            "nonce": "0b9c7f9e-3f5c-4f0e-9d5a-6c1f5a1d2e3f",
            "timestamp": "2024-05-01T10:00:00Z",
        }),
        "EventBatch" => json!([example("Event")]),
        "Receipt" => json!({
            "id": EVENT_ID,
            "sessionId": "abc-123",
            "seq": 7,
            "cursor": "5f3a9c0017e2b4d6-7",
            "duplicate": false,
        }),
        "Receipts" => json!({ "receipts": [example("Receipt")] }),
        "TokenRequest" => {
            json!({ "accountId": "acct-123", "sessionId": "abc-123", "expiresIn": 300 })
        }
        "Minted" => json!({ "token": TOKEN, "expiresAt": 1_714_557_900 }),
        "SocketAuthRequest" => json!({ "token": TOKEN }),
        "SocketAuthAnswer" => json!({
            "claims": {
                "sub": "acct-123",
                "sessionId": "abc-123",
                "scope": ["subscribe"],
                "exp": 1_714_557_900,
                "iat": 1_714_557_600,
                "jti": "018f3338-3c61-7b44-9d1b-0f6a2c3d4e55",
            },
            "app": "default",
            "expiresAt": 1_714_557_900,
        }),
        "Envelope" => json!({
            "id": EVENT_ID,
            "sessionId": "abc-123",
            "seq": 7,
            "cursor": "5f3a9c0017e2b4d6-7",
            "event": "vote.cast",
            "payload": { "issueKey": "SCRUM-1", "value": "5", "participantId": "acct-123" },
            "timestamp": "2024-05-01T10:00:00Z",
        }),
        "EventPage" => json!({
            "events": [example("Envelope")],
            "cursor": "5f3a9c0017e2b4d6-7",
            "more": false,
        }),
        "Handshake" => json!({ "token": TOKEN, "cursor": "5f3a9c0017e2b4d6-4" }),
        "Ready" => json!({
            "sessionId": "abc-123",
            "connectionId": "AAAAAAAAAAAAAAAAAAAAAA",
            "cursor": "5f3a9c0017e2b4d6-4",
            "recovered": true,
            "replayed": 3,
            "expiresAt": 1_714_557_900,
        }),
        "Resync" => json!({ "reason": "trimmed", "cursor": "5f3a9c0017e2b4d6-7" }),
        "Expiring" => json!({ "expiresAt": 1_714_557_900, "inSeconds": 60 }),
        "Refresh" => json!({ "token": TOKEN }),
        "RefreshAnswer" => json!({ "expiresAt": 1_714_558_200 }),
        "Bye" => json!({
            "code": "draining",
            "reason": "this replica is about to stop: connect again",
            "reconnect": true,
            "afterMs": 740,
        }),
        "ConnectError" => json!({
            "message": "token_expired",
            "data": { "detail": "the token expired 12 s ago: fetch a new one from the app", "retryable": true },
        }),
        "Health" => json!({ "status": "alive" }),
        "Readiness" => json!({ "status": "ready" }),
        _ => Value::Null,
    }
}
