//! What is said over Socket.IO, as an AsyncAPI 3.0 document. It speaks from the relay's side: it *sends* events, and
//! *receives* handshakes and refreshes.

use forge_relay_core::message::{BYE, EVENT, EXPIRING, READY, REFRESH, RESYNC};
use forge_relay_core::{Code, schema};
use serde_json::{Map, Value, json};

use super::example::example;

/// Why a connection is refused.
const CONNECT_ERRORS: [Code; 12] = [
    Code::BadHandshake,
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenNotYetValid,
    Code::TokenTooLongLived,
    Code::ScopeMissing,
    Code::OriginDenied,
    Code::RateLimited,
    Code::TooManyConnections,
    Code::Draining,
    Code::ServerError,
];

/// Why a connection ends.
const BYES: [Code; 5] = [
    Code::TokenExpired,
    Code::Draining,
    Code::ServerError,
    Code::BadMessage,
    Code::Revoked,
];

/// Why a refresh changes nothing.
const REFRESH_REFUSALS: [Code; 10] = [
    Code::AccountMismatch,
    Code::SessionMismatch,
    Code::BadMessage,
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenNotYetValid,
    Code::TokenTooLongLived,
    Code::ScopeMissing,
    Code::RateLimited,
];

/// The AsyncAPI 3.0 document.
pub(crate) fn asyncapi() -> Value {
    let messages = messages();
    let channel: Map<String, Value> = messages
        .keys()
        .map(|name| {
            (
                name.clone(),
                json!({ "$ref": format!("#/components/messages/{name}") }),
            )
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Forge Relay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": include_str!("asyncapi.md"),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "relay": {
                "host": "relay.example.com",
                "pathname": "/socket.io/",
                "protocol": "wss",
                "description": "Socket.IO 5 over Engine.IO 4: any stock socket.io-client 4.",
            },
        },
        "channels": {
            "session": {
                "address": "/",
                "title": "One connection to one session",
                "description": "The Socket.IO namespace `/`. The token says which session it is.",
                "servers": [{ "$ref": "#/servers/relay" }],
                "messages": channel,
            },
        },
        "operations": {
            "connect": operation("receive", &["handshake"], Some(&["ready", "connectError"]),
                "A client connects. The answer is `relay:ready`, or `connect_error`."),
            "deliver": operation("send", &["event"], None,
                "Every event of the session after the connection's cursor: each once, in the order of `seq`, without a gap."),
            "resync": operation("send", &["resync"], None,
                "What was missed is gone. Right after `relay:ready`, or at any later time; events go on at once."),
            "announceExpiry": operation("send", &["expiring"], None,
                "Once a token, 60 s before it ends, or at half its life if that is later."),
            "refresh": operation("receive", &["refresh"], Some(&["refreshAnswer"]),
                "A client sends a new token of the same account and session, and gets its answer as the acknowledgement."),
            "sayGoodbye": operation("send", &["bye"], None,
                "The last message before every orderly end. With `reconnect: true` the transport closes without a DISCONNECT packet, so that a stock client comes back by itself."),
        },
        "components": {
            "messages": messages,
            "schemas": schema::definitions("/components/schemas"),
        },
    })
}

fn messages() -> Map<String, Value> {
    let all = [
        message("event", EVENT, "Envelope", "An event of the session.", None),
        message(
            "ready",
            READY,
            "Ready",
            "The first message of every connection.",
            None,
        ),
        message(
            "resync",
            RESYNC,
            "Resync",
            "Load your state again, then go on from `cursor`.",
            None,
        ),
        message(
            "expiring",
            EXPIRING,
            "Expiring",
            "Fetch a new token and send it with `relay:refresh`.",
            None,
        ),
        message(
            "bye",
            BYE,
            "Bye",
            "The connection ends now, in order.",
            Some(("code", &BYES)),
        ),
        message("refresh", REFRESH, "Refresh", "A new token.", None),
        message(
            "refreshAnswer",
            "relay:refresh acknowledgement",
            "RefreshAnswer",
            "When the connection's token now ends, or why nothing changed.",
            Some(("code", &REFRESH_REFUSALS)),
        ),
        message(
            "handshake",
            "CONNECT",
            "Handshake",
            "The `auth` of a stock client. Fields that the relay does not know are ignored.",
            None,
        ),
        message(
            "connectError",
            "connect_error",
            "ConnectError",
            "The connection is refused; `message` is the code.",
            Some(("message", &CONNECT_ERRORS)),
        ),
    ];
    all.into_iter().collect()
}

/// A message; where it carries a code, the codes that it can be.
fn message(
    key: &str,
    name: &str,
    schema: &str,
    says: &str,
    codes: Option<(&str, &[Code])>,
) -> (String, Value) {
    let reference = json!({ "$ref": format!("#/components/schemas/{schema}") });
    let payload = match codes {
        None => reference,
        Some((field, codes)) => {
            json!({ "allOf": [reference, { "properties": { field: { "enum": codes } } }] })
        }
    };
    let value = json!({
        "name": name,
        "summary": says,
        "payload": payload,
        "examples": [{ "name": key, "payload": example(schema) }],
    });
    (key.to_owned(), value)
}

fn operation(action: &str, messages: &[&str], reply: Option<&[&str]>, says: &str) -> Value {
    let channel = json!({ "$ref": "#/channels/session" });
    let references = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| json!({ "$ref": format!("#/channels/session/messages/{name}") }))
            .collect()
    };
    let mut operation = json!({
        "action": action,
        "channel": channel,
        "summary": says,
        "messages": references(messages),
    });
    if let Some(names) = reply {
        operation["reply"] = json!({ "channel": channel, "messages": references(names) });
    }
    operation
}
