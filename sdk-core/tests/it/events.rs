//! vectors/events.json: what may be published, and everything that is wrong with what may not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forge_relay_core::{Event, EventError, FieldError, Rules};
use serde::Deserialize;

use crate::vectors::{Fill, filled, read};

#[derive(Deserialize)]
struct File {
    now: i64,
    accept: Vec<Accept>,
    reject: Vec<Reject>,
    #[serde(rename = "badJson")]
    bad_json: Vec<BadJson>,
    batch: Batch,
}

#[derive(Deserialize)]
struct Accept {
    name: String,
    body: String,
    payload: String,
    fill: Option<Fill>,
}

#[derive(Deserialize)]
struct Reject {
    name: String,
    body: String,
    errors: Vec<Wrong>,
    fill: Option<Fill>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BadJson {
    name: String,
    body: Option<String>,
    body_base64: Option<String>,
    fill: Option<Fill>,
}

#[derive(Deserialize)]
struct Batch {
    accept: Vec<AcceptBatch>,
    reject: Vec<Reject>,
}

#[derive(Deserialize)]
struct AcceptBatch {
    name: String,
    body: String,
    nonces: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrong {
    index: Option<usize>,
    field: String,
    code: serde_json::Value,
}

fn wrongs(errors: &[FieldError]) -> Vec<Wrong> {
    let wrong = |error: &FieldError| Wrong {
        index: error.index,
        field: error.field.clone(),
        code: serde_json::to_value(error.code).unwrap(),
    };
    errors.iter().map(wrong).collect()
}

#[test]
fn what_keeps_the_rules_is_accepted_and_its_payload_stays_as_sent() {
    let file: File = read("events");
    for case in &file.accept {
        let body = filled(&case.body, case.fill.as_ref());
        let event = Event::parse(body.as_bytes(), &Rules::default(), file.now)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(
            event.payload.as_str(),
            filled(&case.payload, case.fill.as_ref()),
            "{}",
            case.name
        );
        let batch = Event::parse_batch(format!("[{body}]").as_bytes(), &Rules::default(), file.now);
        assert_eq!(batch, Ok(vec![event]), "{} in a batch", case.name);
    }
}

#[test]
fn everything_that_is_wrong_is_named() {
    let file: File = read("events");
    for case in &file.reject {
        let body = filled(&case.body, case.fill.as_ref());
        let Err(EventError::Invalid(errors)) =
            Event::parse(body.as_bytes(), &Rules::default(), file.now)
        else {
            panic!("{}: not refused as invalid", case.name);
        };
        assert_eq!(wrongs(&errors), case.errors, "{}", case.name);
        assert!(
            errors.iter().all(|error| !error.message.is_empty()),
            "{}: without a cure",
            case.name
        );
    }
}

#[test]
fn what_is_not_json_is_told_where() {
    let file: File = read("events");
    for case in &file.bad_json {
        let body = match (&case.body, &case.body_base64) {
            (Some(text), None) => filled(text, case.fill.as_ref()).into_bytes(),
            (None, Some(encoded)) => STANDARD.decode(encoded).unwrap(),
            _ => panic!("{}: one body", case.name),
        };
        for result in [
            Event::parse(&body, &Rules::default(), file.now).map(|_| ()),
            Event::parse_batch(&body, &Rules::default(), file.now).map(|_| ()),
        ] {
            let Err(EventError::BadJson { detail }) = result else {
                panic!("{}: not refused as bad JSON", case.name)
            };
            assert!(
                detail.contains("line") && detail.contains("column"),
                "{}: {detail}",
                case.name
            );
        }
    }
}

#[test]
fn batches_keep_their_order() {
    let file: File = read("events");
    for case in &file.batch.accept {
        let events = Event::parse_batch(case.body.as_bytes(), &Rules::default(), file.now)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let nonces: Vec<_> = events.iter().map(|event| event.nonce.as_str()).collect();
        assert_eq!(nonces, case.nonces, "{}", case.name);
    }
}

#[test]
fn a_batch_is_refused_with_all_errors_of_all_events() {
    let file: File = read("events");
    for case in &file.batch.reject {
        let Err(EventError::Invalid(errors)) =
            Event::parse_batch(case.body.as_bytes(), &Rules::default(), file.now)
        else {
            panic!("{}: not refused as invalid", case.name);
        };
        assert_eq!(wrongs(&errors), case.errors, "{}", case.name);
    }
}
