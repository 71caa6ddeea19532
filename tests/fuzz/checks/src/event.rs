use forge_relay::fuzz;
use forge_relay_core::{Cursor, Envelope, Epoch, Event, EventError, FieldError, MAX_SEQ, Rules};
use serde::de::IgnoredAny;

use crate::{NOW, json};

/// Small, so that payloads that are too large are found.
const RULES: Rules = Rules {
    payload_bytes: 512,
    clock_skew_seconds: 300,
};

/// A body is an event exactly if it keeps the contract's rules, written down once more here; what is passed on is what
/// was sent; alone and in a batch it gets the same judgement, with all errors, and not too many; and it survives the
/// way to a client.
pub fn event(data: &[u8]) {
    let one = Event::parse(data, &RULES, NOW);
    let many = Event::parse_batch(data, &RULES, NOW);
    let text = std::str::from_utf8(data).ok();
    let Some(text) = text.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()) else {
        for detail in [bad_json(one), bad_json(many)] {
            assert!(!detail.unwrap().is_empty());
        }
        return;
    };
    assert_eq!(one.as_ref().ok().map(Sent::of), expected(text), "{text}");

    // Alone and in a batch.
    let batch = Event::parse_batch(format!("[{text}]").as_bytes(), &RULES, NOW);
    match (&one, batch) {
        (Ok(one), Ok(batch)) => {
            assert_eq!(std::slice::from_ref(one), batch);
            travels(one);
        }
        (Err(one), Err(batch)) => {
            let (one, batch) = (invalid(one, 1), invalid(&batch, 1));
            assert!(one.iter().all(|error| error.index.is_none()));
            assert!(batch.iter().all(|error| error.index == Some(0)));
            let errors = |all: &[FieldError]| -> Vec<_> {
                all.iter()
                    .map(|error| (error.field.clone(), error.code))
                    .collect()
            };
            assert_eq!(errors(one), errors(batch));
        }
        (one, batch) => panic!("alone {one:?}, in a batch {batch:?}"),
    }

    // A batch itself.
    let elements = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text);
    match (many, elements) {
        (Ok(events), Ok(elements)) => {
            assert!((1..=100).contains(&elements.len()));
            let expected: Vec<_> = elements
                .iter()
                .filter_map(|raw| expected(raw.get()))
                .collect();
            assert_eq!(events.iter().map(Sent::of).collect::<Vec<_>>(), expected);
            assert_eq!(events.len(), elements.len());
        }
        (Ok(_), Err(_)) => panic!("a batch that is no array"),
        (Err(error), elements) => {
            let elements = elements.map_or(0, |elements| elements.len());
            let errors = invalid(&error, elements.clamp(1, 100));
            assert!(
                errors
                    .iter()
                    .filter_map(|error| error.index)
                    .all(|index| index < elements)
            );
        }
    }
}

fn bad_json<T: std::fmt::Debug>(parsed: Result<T, EventError>) -> Option<String> {
    match parsed {
        Err(EventError::BadJson { detail }) => Some(detail),
        other => panic!("not JSON, and yet {other:?}"),
    }
}

/// The errors of a body that is JSON: at least one, and for each event no more than its five fields, missing or wrong
/// or twice, and the unknown ones that are named.
fn invalid(error: &EventError, events: usize) -> &[FieldError] {
    let EventError::Invalid(errors) = error else {
        panic!("JSON, and yet {error:?}");
    };
    assert!((1..=events * (5 * 2 + 17)).contains(&errors.len()));
    for error in errors {
        assert!(error.field.is_empty() || error.field.starts_with('/'));
        assert!(error.field.len() <= 1024 && !error.message.is_empty());
    }
    errors
}

/// What was sent.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    session: String,
    event: String,
    payload: String,
    nonce: String,
    timestamp: String,
}

impl Sent {
    fn of(event: &Event) -> Self {
        Self {
            session: event.session_id.as_str().into(),
            event: event.event.as_str().into(),
            payload: event.payload.as_str().into(),
            nonce: event.nonce.as_str().into(),
            timestamp: event.timestamp.as_str().into(),
        }
    }
}

fn expected(text: &str) -> Option<Sent> {
    let fields = json::fields(text).filter(|fields| fields.len() == 5)?;
    let string = |name| json::once(&fields, name).and_then(json::string);
    let is = |text: &str, max: usize, allowed: &dyn Fn(char) -> bool| {
        (1..=max).contains(&text.chars().count()) && text.chars().all(allowed)
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = |text: &str| {
        text.len() <= 128
            && text.split('.').all(|part| is(part, 128, &word))
            && !text.starts_with("relay.")
    };
    let raw = json::once(&fields, "payload").filter(|raw| raw.len() <= RULES.payload_bytes)?;
    let (payload, depth) = json::minified(raw);
    let session = |c: char| word(c) || ".:~".contains(c);
    let visible = |c: char| ('!'..='~').contains(&c);
    let near = |text: &String| {
        let skew = unix_seconds(text).map(|seconds| (seconds - NOW).unsigned_abs());
        skew.is_some_and(|skew| skew <= RULES.clock_skew_seconds)
    };
    Some(Sent {
        session: string("sessionId").filter(|text| is(text, 128, &session))?,
        event: string("event").filter(|text| name(text))?,
        payload: Some(payload).filter(|_| depth <= 64)?,
        nonce: string("nonce").filter(|text| is(text, 64, &visible))?,
        timestamp: string("timestamp").filter(near)?,
    })
}

/// Unix seconds of an RFC 3339 text of at most 64 characters, rounded down. Leap seconds are none: there was none near
/// the moment of the check.
fn unix_seconds(text: &str) -> Option<i64> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let end = fraction.find(|c: char| !c.is_ascii_digit())?;
            fraction.get(end..).filter(|_| end > 0)?
        }
    };
    let numbers = |text: &str, between: char| -> Option<Vec<i64>> {
        let parts: Vec<&str> = text.split(between).collect();
        let digits = |part: &&str| part.bytes().all(|b| b.is_ascii_digit());
        let lengths = parts.iter().enumerate().all(|(at, part)| {
            part.len() == if at == 0 && between == '-' { 4 } else { 2 } && digits(part)
        });
        lengths.then(|| parts.iter().filter_map(|part| part.parse().ok()).collect())
    };
    let [year, month, day] = numbers(date, '-')?[..] else {
        return None;
    };
    let [hour, minute, second] = numbers(time, ':')?[..] else {
        return None;
    };
    let offset = match (offset, offset.split_at_checked(1)) {
        ("Z" | "z", _) => 0,
        (_, Some((sign @ ("+" | "-"), offset))) => {
            let [hours, minutes] = numbers(offset, ':')?[..] else {
                return None;
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let sign = if sign == "+" { 1 } else { -1 };
            sign * (hours * 3600 + minutes * 60)
        }
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let at = usize::try_from(month - 1).ok()?;
    let in_month = *months.get(at)?;
    if !(1..=in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let before = (1..year).map(|year| {
        if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) {
            366
        } else {
            365
        }
    });
    let days: i64 = before.sum::<i64>() + months[..at].iter().sum::<i64>() + day - 1;
    // From the first day of year 1 to that of 1970.
    Some(((days - 719_162) * 24 + hour) * 3600 + minute * 60 + second - offset)
}

/// An event that was taken, on its way: the same when it is published again, and whole in the frame for its clients.
fn travels(event: &Event) {
    let text = serde_json::to_vec(event).unwrap();
    let again = Event::parse(&text, &RULES, NOW).unwrap();
    assert_eq!(&again, event);
    assert_eq!(again.fingerprint(), event.fingerprint());

    let cursor = Cursor {
        epoch: Epoch(u64::MAX),
        seq: MAX_SEQ - event.payload.as_str().len() as u64,
    };
    let envelope = Envelope::new(event, "018f3b1e-0000-7000-8000-000000000001", cursor);
    let (frame, found) = fuzz::event(&envelope);
    let expected = serde_json::to_string(&envelope).unwrap();
    assert_eq!(found.as_deref(), Some(expected.as_bytes()));
    let text = crate::frame::text_of(&frame);
    assert_eq!(text, format!("42[\"event\",{expected}]"));
    let fields = json::fields(&expected).unwrap();
    assert_eq!(json::once(&fields, "payload"), Some(event.payload.as_str()));
    assert_eq!(fields.len(), 7);
}
