//! `text/event-stream`: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//!
//! JSON without white space between its tokens has no line break, so that it is one line of `data:`.

use std::sync::Arc;

use forge_relay_core::Cursor;
use forge_relay_core::message::{
    BYE, Bye, EVENT, EXPIRING, Expiring, READY, RESYNC, Ready, Resync,
};
use serde::Serialize;

use crate::session::Frame;

/// What a client that loses its stream waits before it comes back, unless it is told otherwise.
const RETRY_MS: u64 = 2_000;
/// What an event has beside its envelope, at the most.
pub(super) const BESIDE_ENVELOPE: usize = 80;
/// What comes before the cursor in an envelope.
const CURSOR: &[u8] = b",\"cursor\":\"";

/// A comment: nothing to clients, and a sign of life to whatever is in between.
pub(super) fn comment() -> Frame {
    Arc::from(b":\n\n".as_slice())
}

/// Appends an event, whose envelope is JSON already.
pub(super) fn event(envelope: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(cursor_of(envelope));
    out.extend_from_slice(b"\nevent: ");
    out.extend_from_slice(EVENT.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(envelope);
    out.extend_from_slice(b"\n\n");
}

/// The text of an envelope's cursor. Only ids and a number stand before it, and no id can hold a quote.
fn cursor_of(envelope: &[u8]) -> &[u8] {
    let found = envelope.windows(CURSOR.len()).position(|at| at == CURSOR);
    let rest = found.map_or(&[][..], |at| &envelope[at + CURSOR.len()..]);
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(0);
    &rest[..end]
}

/// The first message of a stream, with how long to wait after a loss of it. Where a resync follows it has no id: were
/// the stream lost between the two, a client that took the id would come back without having been told.
pub(super) fn ready(ready: &Ready, resync_follows: bool) -> Frame {
    let id = Some(ready.cursor).filter(|_| !resync_follows);
    message(Some(RETRY_MS), id, READY, ready)
}

pub(super) fn resync(resync: &Resync) -> Frame {
    message(None, Some(resync.cursor), RESYNC, resync)
}

pub(super) fn expiring(expiring: &Expiring) -> Frame {
    message(None, None, EXPIRING, expiring)
}

/// The last message. Its `afterMs` is a `retry:` too, so that a client which knows nothing of it waits as long.
pub(super) fn bye(bye: &Bye) -> Frame {
    message(Some(bye.after_ms).filter(|ms| *ms > 0), None, BYE, bye)
}

fn message(retry_ms: Option<u64>, id: Option<Cursor>, name: &str, data: &impl Serialize) -> Frame {
    // The contract's types have string keys and finite numbers: they always are JSON.
    let data = serde_json::to_string(data).unwrap_or_default();
    let retry = retry_ms.map_or_else(String::new, |ms| format!("retry: {ms}\n"));
    let id = id.map_or_else(String::new, |cursor| format!("id: {cursor}\n"));
    Arc::from(format!("{retry}{id}event: {name}\ndata: {data}\n\n").into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use forge_relay_core::{Code, Envelope, Epoch, Event, ResyncReason, Rules, SessionId};
    use serde_json::json;

    use super::*;

    const CURSOR_TEXT: &str = "0000000000000007-42";

    fn cursor() -> Cursor {
        Cursor {
            epoch: Epoch(7),
            seq: 42,
        }
    }

    #[test]
    fn an_event_is_its_envelope_under_its_cursor() {
        // A payload that looks like what is looked for, and white space that would end a line.
        let payload = json!({ "a": "\",\"cursor\":\"no\"", "b": "x\r\ny\u{2028}z" });
        let event_text = json!({
            "sessionId": "cursor:", "event": "vote.cast", "payload": payload, "nonce": "n",
            "timestamp": "2024-05-01T10:00:00Z",
        });
        let parsed = Event::parse(
            event_text.to_string().as_bytes(),
            &Rules::default(),
            1_714_557_600,
        )
        .unwrap();
        let envelope = Envelope::new(&parsed, "018f3338-3c60-7d0e-8a44-2f9e6f3b1c22", cursor());
        let mut json = Vec::new();
        envelope.write_json(&mut json);
        let mut out = Vec::new();
        event(&json, &mut out);
        assert!(out.len() <= json.len() + BESIDE_ENVELOPE);
        let out = String::from_utf8(out).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(
            out,
            format!("id: {CURSOR_TEXT}\nevent: event\ndata: {json}\n\n")
        );
        assert_eq!(out.split(['\n', '\r']).count(), 5, "{out}");
    }

    #[test]
    fn the_relays_messages_are_as_the_contract_says() {
        let said = |frame: Frame| String::from_utf8(frame.to_vec()).unwrap();
        let first = Ready {
            session_id: SessionId::parse("s").unwrap(),
            connection_id: "c".to_owned(),
            cursor: cursor(),
            recovered: true,
            replayed: 3,
            expires_at: None,
        };
        assert_eq!(
            said(ready(&first, false)),
            format!(
                "retry: 2000\nid: {CURSOR_TEXT}\nevent: relay:ready\ndata: {}\n\n",
                serde_json::to_string(&first).unwrap()
            )
        );
        let before_resync = said(ready(&first, true));
        assert!(before_resync.starts_with("retry: 2000\nevent: relay:ready\n"));
        let missed = Resync {
            reason: ResyncReason::Trimmed,
            cursor: cursor(),
        };
        assert_eq!(
            said(resync(&missed)),
            format!(
                "id: {CURSOR_TEXT}\nevent: relay:resync\ndata: {{\"reason\":\"trimmed\",\"cursor\":\"{CURSOR_TEXT}\"}}\n\n"
            )
        );
        let mut last = Bye {
            code: Code::Draining,
            reason: "it stops".to_owned(),
            reconnect: true,
            after_ms: 740,
        };
        let data = r#"{"code":"draining","reason":"it stops","reconnect":true,"afterMs":740}"#;
        assert_eq!(
            said(bye(&last)),
            format!("retry: 740\nevent: relay:bye\ndata: {data}\n\n")
        );
        last.after_ms = 0;
        assert!(said(bye(&last)).starts_with("event: relay:bye\n"));
    }
}
