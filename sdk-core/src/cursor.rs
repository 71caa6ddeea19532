use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest `seq`, 2^53 − 1: the largest integer that JavaScript counts exactly.
pub const MAX_SEQ: u64 = (1 << 53) - 1;

/// Names one life of a session's log. Two epochs are never compared for order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// "I have everything up to here": a place in the log of a session, opaque to clients.
///
/// Its text is the epoch as 16 lower-case hex digits, `-`, and the seq in decimal; there is exactly one text for each
/// cursor, and nothing else parses.
///
/// ```
/// use forge_relay_core::{Cursor, Epoch};
/// let cursor = Cursor { epoch: Epoch(0xabc), seq: 7 };
/// assert_eq!(cursor.to_string(), "0000000000000abc-7");
/// assert_eq!("0000000000000abc-7".parse(), Ok(cursor));
/// assert!("abc-07".parse::<Cursor>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The life of the log that `seq` counts in.
    pub epoch: Epoch,
    /// How many events of that life one has; 0 is "none yet". At most [`MAX_SEQ`].
    pub seq: u64,
}

/// The text is not a cursor that a relay made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: pass one on exactly as the relay gave it")]
pub struct CursorError;

const EPOCH_DIGITS: usize = 16;
/// 16 digits of epoch, a dash, and the 20 digits of the largest u64: even a seq beyond [`MAX_SEQ`] has room.
const MAX_TEXT: usize = EPOCH_DIGITS + 1 + 20;

impl Cursor {
    /// What the text looks like.
    pub const PATTERN: &'static str = "^[0-9a-f]{16}-(0|[1-9][0-9]{0,15})$";

    /// Calls `use_text` with the text, which lives on the stack: a cursor is written for every event.
    pub(crate) fn with_text<R>(self, use_text: impl FnOnce(&str) -> R) -> R {
        let mut buffer = [0u8; MAX_TEXT];
        let length = self.write_text(&mut buffer);
        // Only ASCII was written.
        use_text(std::str::from_utf8(buffer.get(..length).unwrap_or_default()).unwrap_or_default())
    }

    fn write_text(self, buffer: &mut [u8; MAX_TEXT]) -> usize {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let (head, tail) = buffer.split_at_mut(EPOCH_DIGITS);
        let mut epoch = self.epoch.0;
        for digit in head.iter_mut().rev() {
            *digit = HEX[(epoch & 0xf) as usize];
            epoch >>= 4;
        }
        tail[0] = b'-';
        EPOCH_DIGITS + 1 + write_decimal(self.seq, &mut tail[1..])
    }
}

/// Writes a number in decimal to the start of `out`, which must have room for 20 digits, and says how many it took.
pub(crate) fn write_decimal(number: u64, out: &mut [u8]) -> usize {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for digit in out[..digits].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (epoch, seq) = text.split_at_checked(EPOCH_DIGITS).ok_or(CursorError)?;
        let seq = seq.strip_prefix('-').ok_or(CursorError)?;
        if !epoch
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(CursorError);
        }
        let canonical =
            seq.bytes().all(|b| b.is_ascii_digit()) && (seq == "0" || !seq.starts_with('0'));
        if !canonical || seq.len() > EPOCH_DIGITS {
            return Err(CursorError);
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| CursorError)?;
        let seq = seq.parse().map_err(|_| CursorError)?;
        if seq > MAX_SEQ {
            return Err(CursorError);
        }
        Ok(Self {
            epoch: Epoch(epoch),
            seq,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Cursor {
    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": Self::PATTERN,
            "description": "Opaque: \"I have everything up to here\". Pass it on exactly as the relay gave it",
        })
    }
}
