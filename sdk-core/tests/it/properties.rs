//! What must hold for any input.

use forge_relay_core::message::{Handshake, Refresh};
use forge_relay_core::request::{SocketAuthRequest, TokenRequest};
use forge_relay_core::{Cursor, Envelope, Epoch, Event, MAX_SEQ, Payload, Rules, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

const NOW: i64 = 1_714_557_600;

/// Any JSON value, of a size that a test has time for.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

prop_compose! {
    fn event()(
        session_id in "[A-Za-z0-9._:~-]{1,128}",
        name in r"[a-z]{1,20}(\.[A-Za-z0-9_-]{1,20}){0,4}",
        payload in json(),
        nonce in "[!-~]{1,64}",
        skew in -300_000i64..=300_000,
    ) -> Value {
        let timestamp = Timestamp::from_unix_millis(NOW * 1000 + skew).unwrap();
        serde_json::json!({
            "sessionId": session_id, "event": format!("x{name}"), "payload": payload, "nonce": nonce,
            "timestamp": timestamp,
        })
    }
}

fn parse_everything(bytes: &[u8]) {
    let rules = Rules::default();
    let _ = Event::parse(bytes, &rules, NOW);
    let _ = Event::parse_batch(bytes, &rules, NOW);
    let _ = TokenRequest::parse(bytes, 300);
    let _ = SocketAuthRequest::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Handshake::parse(Some(text));
        let _ = Refresh::parse(text);
        let _ = text.parse::<Cursor>();
        let _ = Timestamp::parse(text);
        let _ = Payload::parse(text, usize::MAX);
    }
}

proptest! {
    #[test]
    fn a_good_event_is_read_and_written_back(event in event(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_vec_pretty(&event) } else { serde_json::to_vec(&event) }.unwrap();
        let parsed = Event::parse(&body, &Rules::default(), NOW).unwrap();
        prop_assert_eq!(parsed.session_id.as_str(), event["sessionId"].as_str().unwrap());
        prop_assert_eq!(parsed.payload.as_str(), serde_json::to_string(&event["payload"]).unwrap());
        let again = Event::parse(&serde_json::to_vec(&parsed).unwrap(), &Rules::default(), NOW);
        prop_assert_eq!(again, Ok(parsed));
    }

    #[test]
    fn minifying_keeps_the_value(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let payload = Payload::parse(&pretty, usize::MAX).unwrap();
        prop_assert_eq!(payload.as_str(), serde_json::to_string(&value).unwrap());
        let again = Payload::parse(payload.as_str(), usize::MAX).unwrap();
        prop_assert_eq!(again, payload);
    }

    #[test]
    fn an_envelope_is_written_as_serde_writes_it(event in event(), id in any::<String>(), epoch: u64, seq in 0..=MAX_SEQ) {
        let event = Event::parse(&serde_json::to_vec(&event).unwrap(), &Rules::default(), NOW).unwrap();
        let envelope = Envelope::new(&event, &id, Cursor { epoch: Epoch(epoch), seq });
        let mut json = Vec::new();
        envelope.write_json(&mut json);
        prop_assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&envelope).unwrap());
    }

    #[test]
    fn a_cursor_comes_back(epoch: u64, seq in prop_oneof![0..=MAX_SEQ, 0..=20u64]) {
        let cursor = Cursor { epoch: Epoch(epoch), seq };
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_cursor_that_parses_is_canonical(text in "[0-9a-f]{16}-[0-9]{1,17}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }

    #[test]
    fn no_bytes_break_a_parser(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        parse_everything(&bytes);
    }

    #[test]
    fn no_json_breaks_a_parser(value in json()) {
        parse_everything(&serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn no_damage_to_a_good_event_breaks_a_parser(
        event in event(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut body = serde_json::to_vec(&event).unwrap();
        for (at, byte, kind) in damage {
            let at = at.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => body.truncate(at.max(1)),
            }
        }
        parse_everything(&body);
        if let Ok(event) = Event::parse(&body, &Rules::default(), NOW) {
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(event.payload.as_str()).is_ok());
        }
    }

    #[test]
    fn a_timestamp_of_a_moment_is_one(millis in -62_167_219_200_000i64..253_402_300_800_000) {
        let timestamp = Timestamp::from_unix_millis(millis).unwrap();
        prop_assert_eq!(timestamp.unix_seconds(), millis.div_euclid(1000));
        prop_assert_eq!(Timestamp::parse(timestamp.as_str()), Ok(timestamp));
    }

    #[test]
    fn no_number_is_too_large_for_a_timestamp(millis: i64) {
        let _ = Timestamp::from_unix_millis(millis);
    }
}
