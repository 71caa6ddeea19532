use serde::Serialize;

use crate::cursor::write_decimal;
use crate::{Cursor, Event, EventName, Payload, SessionId, Timestamp};

/// An event as clients get it: without its nonce, plus `id`, `seq` and `cursor`.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// The relay's id of the event, a UUIDv7.
    pub id: &'a str,
    /// The session it was published to.
    pub session_id: &'a SessionId,
    /// Its number in this life of the session's log: 1, 2, 3…
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = 1, max = 9_007_199_254_740_991_u64))
    )]
    pub seq: u64,
    /// Where one stands who has this event and all before it.
    pub cursor: Cursor,
    /// Its name.
    pub event: &'a EventName,
    /// What the app sent with it.
    pub payload: &'a Payload,
    /// When the app says that it happened.
    pub timestamp: &'a Timestamp,
}

impl<'a> Envelope<'a> {
    /// The envelope of an event that was given this id and this place.
    pub fn new(event: &'a Event, id: &'a str, cursor: Cursor) -> Self {
        Self {
            id,
            session_id: &event.session_id,
            seq: cursor.seq,
            cursor,
            event: &event.event,
            payload: &event.payload,
            timestamp: &event.timestamp,
        }
    }
}

/// The envelope's own bytes around its values: keys, quotes, commas, the numbers at their longest.
const FRAME: usize = 160;

impl Envelope<'_> {
    /// Appends the envelope as JSON, the same text that serde writes. This runs once for every event of every session,
    /// so it reserves once and copies.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let Self {
            id,
            session_id,
            seq,
            cursor,
            event,
            payload,
            timestamp,
        } = self;
        let values = [id.len(), session_id.as_str().len(), event.as_str().len()];
        let texts: usize = values.iter().sum();
        out.reserve(FRAME + texts + payload.as_str().len() + timestamp.as_str().len());

        out.extend_from_slice(b"{\"id\":");
        write_string(out, id);
        // Session ids, event names and timestamps hold no character that JSON escapes: their types see to it.
        out.extend_from_slice(b",\"sessionId\":\"");
        out.extend_from_slice(session_id.as_str().as_bytes());
        out.extend_from_slice(b"\",\"seq\":");
        let mut digits = [0u8; 20];
        let length = write_decimal(*seq, &mut digits);
        out.extend_from_slice(&digits[..length]);
        out.extend_from_slice(b",\"cursor\":\"");
        cursor.with_text(|text| out.extend_from_slice(text.as_bytes()));
        out.extend_from_slice(b"\",\"event\":\"");
        out.extend_from_slice(event.as_str().as_bytes());
        out.extend_from_slice(b"\",\"payload\":");
        out.extend_from_slice(payload.as_str().as_bytes());
        out.extend_from_slice(b",\"timestamp\":\"");
        out.extend_from_slice(timestamp.as_str().as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    let plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Not a UUID, then: correct before fast. Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(&mut *out, text);
    }
}
