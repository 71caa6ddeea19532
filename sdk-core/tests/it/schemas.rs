//! The schemas carry the rules.

use forge_relay_core::schema::{all, definitions};
use serde_json::{Value, json};

fn schema(name: &str) -> Value {
    let (_, schema) = all()
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("no {name}"));
    schema.to_value()
}

#[test]
fn an_event_takes_its_five_fields_and_no_other() {
    let event = schema("Event");
    assert_eq!(event["additionalProperties"], false);
    assert_eq!(
        event["required"],
        json!(["sessionId", "event", "payload", "nonce", "timestamp"])
    );
    assert_eq!(
        event["$defs"]["SessionId"]["pattern"],
        "^[A-Za-z0-9._:~-]+$"
    );
    assert_eq!(event["$defs"]["SessionId"]["maxLength"], 128);
    assert_eq!(event["$defs"]["EventName"]["not"]["pattern"], r"^relay\.");
    assert_eq!(event["$defs"]["Nonce"]["maxLength"], 64);
    assert_eq!(event["$defs"]["Timestamp"]["format"], "date-time");
    assert_eq!(schema("EventBatch")["maxItems"], 100);
}

#[test]
fn an_envelope_is_written_in_the_order_of_its_schema() {
    let envelope = schema("Envelope");
    let required = json!([
        "id",
        "sessionId",
        "seq",
        "cursor",
        "event",
        "payload",
        "timestamp"
    ]);
    assert_eq!(envelope["required"], required);
    assert_eq!(
        envelope["properties"]["seq"]["maximum"],
        9_007_199_254_740_991_u64
    );
}

#[test]
fn a_handshake_may_leave_its_cursor_out_or_null_but_needs_a_token() {
    let handshake = schema("Handshake");
    assert_eq!(handshake["required"], json!(["token"]));
    assert_eq!(handshake["properties"]["token"]["type"], "string");
    assert_eq!(
        handshake["properties"]["cursor"]["type"],
        json!(["string", "null"])
    );
    assert_eq!(handshake.get("additionalProperties"), None);
}

#[test]
fn optional_members_are_absent_not_null() {
    for (schema_name, member) in [
        ("Problem", "reason"),
        ("Problem", "cursor"),
        ("Problem", "errors"),
        ("FieldError", "index"),
        ("Claims", "nbf"),
        ("Claims", "iss"),
        ("ConnectErrorData", "afterMs"),
        ("TokenRequest", "expiresIn"),
    ] {
        let schema = schema(schema_name);
        let required = schema["required"].as_array().unwrap();
        assert!(
            !required.contains(&json!(member)),
            "{schema_name}.{member} is required"
        );
        let text = schema["properties"][member].to_string();
        assert!(
            !text.contains("null"),
            "{schema_name}.{member} may be null: {text}"
        );
    }
}

#[test]
fn definitions_point_to_where_they_stand() {
    let definitions = definitions("/components/schemas");
    let text = serde_json::to_string(&definitions).unwrap();
    assert!(!text.contains("$defs"));
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            definitions.contains_key(name),
            "{name} is referred to and not there"
        );
    }
    for (name, _) in all() {
        assert!(
            definitions.contains_key(name) || name == "Cursor",
            "{name} is not there"
        );
    }
}

#[test]
fn every_schema_says_what_it_is_for_and_holds_no_rust() {
    for (name, schema) in definitions("/x") {
        let description = schema.get("description").and_then(Value::as_str);
        assert!(
            description.is_some_and(|text| !text.contains("```")),
            "{name}: {description:?}"
        );
    }
}
