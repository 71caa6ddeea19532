use forge_relay_core::Cursor;
use wasm_bindgen::prelude::wasm_bindgen;

/// What a cursor is made of.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CursorParts(Cursor);

#[wasm_bindgen]
impl CursorParts {
    /// The life of the log, as 16 hex digits: two of them can only be equal or not.
    #[wasm_bindgen(getter)]
    pub fn epoch(&self) -> String {
        format!("{:016x}", self.0.epoch.0)
    }

    /// How many events of that life one has.
    #[wasm_bindgen(getter)]
    pub fn seq(&self) -> f64 {
        self.0.seq as f64 // at most 2^53 - 1
    }
}

/// Takes a cursor apart; `undefined` if it is none.
#[wasm_bindgen(js_name = parseCursor)]
pub fn parse_cursor(text: &str) -> Option<CursorParts> {
    text.parse().ok().map(CursorParts)
}

/// Whether who stands at `place` has the event at `cursor`. Of two lives of a log, neither is before the other.
#[wasm_bindgen(js_name = isAtOrBefore)]
pub fn is_at_or_before(cursor: &str, place: &str) -> bool {
    match (cursor.parse::<Cursor>(), place.parse::<Cursor>()) {
        (Ok(cursor), Ok(place)) => cursor.epoch == place.epoch && cursor.seq <= place.seq,
        _ => false,
    }
}
