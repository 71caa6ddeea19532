use serde::Serialize;

use crate::{Cursor, Envelope};

/// The answer to a read of a session's log: some of its events, oldest first.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventPage<'a> {
    /// Oldest first; none where nothing follows the cursor that was sent.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_EVENTS)))]
    pub events: Vec<Envelope<'a>>,
    /// Where one stands who has all of these events; on an empty page, too. Read on from here.
    pub cursor: Cursor,
    /// Whether more events follow that are in the log already.
    pub more: bool,
}

#[cfg(feature = "schema")]
const MAX_EVENTS: usize = EventPage::MAX_EVENTS;

impl EventPage<'_> {
    /// The most events of a page that a reader can ask for.
    pub const MAX_EVENTS: usize = 500;
    /// How many events a page has at the most unless told otherwise.
    pub const DEFAULT_EVENTS: usize = 100;
    /// The most bytes of a page, unless its only event is larger.
    pub const MAX_BYTES: usize = 1024 * 1024;

    /// Appends the page as JSON, the same text that serde writes, from envelopes that are JSON already.
    ///
    /// ```
    /// use forge_relay_core::EventPage;
    /// let mut out = Vec::new();
    /// EventPage::write_json([b"{}".as_slice()], "5f3a9c0017e2b4d6-1".parse()?, false, &mut out);
    /// assert_eq!(out, br#"{"events":[{}],"cursor":"5f3a9c0017e2b4d6-1","more":false}"#);
    /// # Ok::<(), forge_relay_core::CursorError>(())
    /// ```
    pub fn write_json<'e>(
        envelopes: impl IntoIterator<Item = &'e [u8]>,
        cursor: Cursor,
        more: bool,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"events\":[");
        for (index, envelope) in envelopes.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(envelope);
        }
        out.extend_from_slice(b"],\"cursor\":\"");
        cursor.with_text(|text| out.extend_from_slice(text.as_bytes()));
        out.extend_from_slice(if more {
            b"\",\"more\":true}".as_slice()
        } else {
            b"\",\"more\":false}"
        });
    }
}
