//! Bodies made to hurt: nothing recurses, nothing is echoed without bound.

use forge_relay_core::{Event, EventError, FieldCode, Payload, Rules};

const NOW: i64 = 1_714_557_600;

fn errors(body: &str) -> Vec<forge_relay_core::FieldError> {
    match Event::parse(body.as_bytes(), &Rules::default(), NOW) {
        Err(EventError::Invalid(errors)) => errors,
        other => panic!("expected field errors, not {:?}", other.map(|_| ())),
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn absurd_nesting_is_an_error_wherever_it_stands() {
    let deep = nested(1_000_000);
    assert_eq!(errors(&deep)[0].code, FieldCode::WrongType);

    let found = errors(&format!(r#"{{"unknown":{deep},"sessionId":{deep}}}"#));
    assert!(
        found
            .iter()
            .any(|error| error.field == "/unknown" && error.code == FieldCode::Unknown)
    );
    assert!(
        found
            .iter()
            .any(|error| error.field == "/sessionId" && error.code == FieldCode::WrongType)
    );

    let rules = Rules {
        payload_bytes: usize::MAX,
        ..Rules::default()
    };
    let body = format!(
        r#"{{"sessionId":"s","event":"e","payload":{deep},"nonce":"n","timestamp":"2024-05-01T10:00:00Z"}}"#
    );
    let Err(EventError::Invalid(found)) = Event::parse(body.as_bytes(), &rules, NOW) else {
        panic!()
    };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, FieldCode::TooDeep);

    let Err(EventError::Invalid(found)) = Event::parse_batch(deep.as_bytes(), &rules, NOW) else {
        panic!()
    };
    assert_eq!(
        (found[0].index, found[0].code),
        (Some(0), FieldCode::WrongType)
    );
}

#[test]
fn a_payload_that_serde_could_not_recurse_into_is_still_written() {
    let payload = Payload::parse(&nested(64), usize::MAX).unwrap();
    assert_eq!(serde_json::to_string(&payload).unwrap(), nested(64));
}

#[test]
fn an_answer_is_not_larger_than_the_question() {
    let fields: Vec<String> = (0..20_000).map(|n| format!(r#""x{n}":0"#)).collect();
    let found = errors(&format!("{{{}}}", fields.join(",")));
    assert!(found.len() < 32, "{} errors", found.len());
    assert!(
        found
            .iter()
            .any(|error| error.message.starts_with("19984 more unknown fields"))
    );
}

#[test]
fn a_batch_that_is_far_too_long_is_counted_not_kept() {
    let body = format!("[{}1]", "1,".repeat(400_000));
    let Err(EventError::Invalid(found)) =
        Event::parse_batch(body.as_bytes(), &Rules::default(), NOW)
    else {
        panic!()
    };
    assert_eq!(found.len(), 1);
    assert!(found[0].message.contains("400001"));
}

#[test]
fn the_operator_sets_the_limits() {
    let body = br#"{"sessionId":"s","event":"e","payload":"12345","nonce":"n","timestamp":"2024-05-01T10:00:00Z"}"#;
    let rules = |payload_bytes, clock_skew_seconds| Rules {
        payload_bytes,
        clock_skew_seconds,
    };
    assert!(Event::parse(body, &rules(7, 0), NOW).is_ok());
    assert!(Event::parse(body, &rules(6, 0), NOW).is_err());
    assert!(Event::parse(body, &rules(7, 0), NOW + 1).is_err());
    assert!(Event::parse(body, &rules(7, u64::MAX), i64::MAX).is_ok());
    assert!(Event::parse(body, &rules(7, 0), i64::MIN).is_err());
}

#[test]
fn debug_output_of_an_event_does_not_hold_its_payload() {
    let body = br#"{"sessionId":"s","event":"e","payload":"secret estimate","nonce":"n","timestamp":"2024-05-01T10:00:00Z"}"#;
    let event = Event::parse(body, &Rules::default(), NOW).unwrap();
    assert!(!format!("{event:?}").contains("secret"));
}
