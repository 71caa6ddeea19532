use serde::Serialize;
use serde_json::value::RawValue;

use crate::body::{Errors, Object, json_type, read_array, read_json};
use crate::{EventError, EventName, FieldCode, Nonce, Payload, SessionId, Timestamp, Violation};

/// The most events in a batch; the least is one.
pub const MAX_BATCH: usize = 100;

const FIELDS: [&str; 5] = ["sessionId", "event", "payload", "nonce", "timestamp"];

/// A publish request that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The session to publish to.
    pub session_id: SessionId,
    /// The event's name.
    pub event: EventName,
    /// What it carries.
    pub payload: Payload,
    /// The idempotency key: publishing again with the same one delivers nothing new.
    pub nonce: Nonce,
    /// When it happened; passed on unchanged.
    pub timestamp: Timestamp,
}

/// The rules that an operator can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The most bytes of a payload, as sent.
    pub payload_bytes: usize,
    /// How far a timestamp may be from the relay's clock, either way.
    pub clock_skew_seconds: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            payload_bytes: 64 * 1024,
            clock_skew_seconds: 300,
        }
    }
}

/// What an event gets that its publisher left out.
pub(crate) struct Fill {
    nonce: Nonce,
    timestamp: Timestamp,
}

#[cfg(feature = "keys")]
impl Fill {
    pub(crate) fn new(nonce: &str, timestamp: &Timestamp) -> Result<Self, Violation> {
        Ok(Self {
            nonce: Nonce::parse(nonce)?,
            timestamp: timestamp.clone(),
        })
    }
}

impl Event {
    /// Parses and checks one event.
    ///
    /// # Errors
    /// [`EventError::BadJson`] where the body is not JSON; else everything that is wrong with it, not only the first.
    ///
    /// ```
    /// use forge_relay_core::{Event, EventError, Rules};
    /// let Err(EventError::Invalid(errors)) = Event::parse(br#"{"event":"a b","payload":null}"#, &Rules::default(), 0)
    /// else { unreachable!() };
    /// let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    /// assert_eq!(fields, ["/sessionId", "/event", "/nonce", "/timestamp"]);
    /// ```
    pub fn parse(body: &[u8], rules: &Rules, now_unix_seconds: i64) -> Result<Self, EventError> {
        Self::read(body, None, rules, now_unix_seconds)
    }

    /// The same for an event to which its publisher adds what it left out.
    #[cfg(feature = "keys")]
    pub(crate) fn complete(
        body: &[u8],
        fill: &Fill,
        rules: &Rules,
        now: i64,
    ) -> Result<Self, EventError> {
        Self::read(body, Some(fill), rules, now)
    }

    fn read(body: &[u8], fill: Option<&Fill>, rules: &Rules, now: i64) -> Result<Self, EventError> {
        let raw = read_json(body)?;
        if raw.get().starts_with('[') {
            let message = "the body must be one event, this is an array: send it to /events/batch";
            return Err(EventError::Invalid(vec![
                Violation::new(FieldCode::WrongType, message).at(""),
            ]));
        }
        Self::from_raw(raw, None, fill, rules, now).map_err(EventError::Invalid)
    }

    /// Parses and checks a batch: an array of 1 to [`MAX_BATCH`] events, in the order sent.
    ///
    /// # Errors
    /// As [`Event::parse`]; every error of every event, each with the event's `index`.
    pub fn parse_batch(
        body: &[u8],
        rules: &Rules,
        now_unix_seconds: i64,
    ) -> Result<Vec<Self>, EventError> {
        Self::read_batch(body, &[], rules, now_unix_seconds)
    }

    /// The same for events to which their publisher adds what they left out: by their index.
    #[cfg(feature = "keys")]
    pub(crate) fn complete_batch(
        body: &[u8],
        fills: &[Fill],
        rules: &Rules,
        now: i64,
    ) -> Result<Vec<Self>, EventError> {
        Self::read_batch(body, fills, rules, now)
    }

    fn read_batch(
        body: &[u8],
        fills: &[Fill],
        rules: &Rules,
        now: i64,
    ) -> Result<Vec<Self>, EventError> {
        let raw = read_json(body)?;
        let whole =
            |code, message: String| EventError::Invalid(vec![Violation::new(code, message).at("")]);
        let Some((elements, count)) = read_array(raw, MAX_BATCH) else {
            let message = format!(
                "the body must be an array of events, this is {}",
                json_type(raw)
            );
            return Err(whole(FieldCode::WrongType, message));
        };
        if count == 0 || count > MAX_BATCH {
            let message = format!("the array has {count} events: send 1 to {MAX_BATCH} at once");
            return Err(whole(FieldCode::Length, message));
        }
        let mut events = Vec::with_capacity(count);
        let mut errors = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            match Self::from_raw(element, Some(index), fills.get(index), rules, now) {
                Ok(event) => events.push(event),
                Err(found) => errors.extend(found),
            }
        }
        if errors.is_empty() {
            Ok(events)
        } else {
            Err(EventError::Invalid(errors))
        }
    }

    fn from_raw(
        raw: &RawValue,
        index: Option<usize>,
        fill: Option<&Fill>,
        rules: &Rules,
        now: i64,
    ) -> Result<Self, Vec<crate::FieldError>> {
        let mut errors = Errors::new(index);
        let event = Object::read(raw, FIELDS, "an event", &mut errors).and_then(|object| {
            let session_id = object.text("sessionId", &mut errors, SessionId::parse);
            let event = object.text("event", &mut errors, EventName::parse);
            let payload = object.required("payload", &mut errors);
            let payload = payload.and_then(|raw| {
                errors.take("payload", Payload::from_raw(raw, rules.payload_bytes))
            });
            let nonce = match fill {
                Some(fill) if object.optional("nonce").is_none() => Some(fill.nonce.clone()),
                _ => object.text("nonce", &mut errors, Nonce::parse),
            };
            let timestamp = match fill {
                Some(fill) if object.optional("timestamp").is_none() => {
                    Some(fill.timestamp.clone())
                }
                _ => object.text("timestamp", &mut errors, |text| {
                    let timestamp = Timestamp::parse(text)?;
                    timestamp.check_skew(now, rules.clock_skew_seconds)?;
                    Ok(timestamp)
                }),
            };
            Some(Self {
                session_id: session_id?,
                event: event?,
                payload: payload?,
                nonce: nonce?,
                timestamp: timestamp?,
            })
        });
        match event {
            Some(event) if errors.list.is_empty() => Ok(event),
            _ => Err(errors.list),
        }
    }

    /// What "the same event" means where a nonce is used again: SHA-256 over session, name and payload, each with its
    /// length before it. The timestamp is not part of it, so that a retry may stamp itself anew.
    #[cfg(feature = "keys")]
    pub fn fingerprint(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};

        let mut hash = Sha256::new();
        for part in [
            self.session_id.as_str(),
            self.event.as_str(),
            self.payload.as_str(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }
}
