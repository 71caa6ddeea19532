//! vectors/cursors.json and vectors/envelopes.json.

use forge_relay_core::{Cursor, Envelope, Epoch, Event, Rules};
use serde::Deserialize;

use crate::vectors::read;

#[derive(Deserialize)]
struct Cursors {
    valid: Vec<Valid>,
    invalid: Vec<String>,
}

#[derive(Deserialize)]
struct Valid {
    text: String,
    epoch: String,
    seq: u64,
}

#[derive(Deserialize)]
struct Envelopes {
    now: i64,
    envelopes: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    body: String,
    id: String,
    epoch: String,
    seq: u64,
    json: String,
}

fn cursor(epoch: &str, seq: u64) -> Cursor {
    Cursor {
        epoch: Epoch(u64::from_str_radix(epoch, 16).unwrap()),
        seq,
    }
}

#[test]
fn each_cursor_has_one_text() {
    let file: Cursors = read("cursors");
    for case in &file.valid {
        let cursor = cursor(&case.epoch, case.seq);
        assert_eq!(cursor.to_string(), case.text);
        assert_eq!(case.text.parse(), Ok(cursor));
        let json = format!("{:?}", case.text);
        assert_eq!(serde_json::to_string(&cursor).unwrap(), json);
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
    }
}

#[test]
fn nothing_else_is_a_cursor() {
    let file: Cursors = read("cursors");
    for text in &file.invalid {
        assert!(text.parse::<Cursor>().is_err(), "{text:?}");
    }
}

#[test]
fn an_event_is_sent_as_exactly_this_text() {
    let file: Envelopes = read("envelopes");
    for case in &file.envelopes {
        let event = Event::parse(case.body.as_bytes(), &Rules::default(), file.now).unwrap();
        let envelope = Envelope::new(&event, &case.id, cursor(&case.epoch, case.seq));
        let mut json = b"before".to_vec();
        envelope.write_json(&mut json);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            format!("before{}", case.json),
            "{}",
            case.name
        );
        assert_eq!(
            serde_json::to_string(&envelope).unwrap(),
            case.json,
            "{}",
            case.name
        );
    }
}
