use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{FieldCode, Violation};

/// How deep arrays and objects may be nested in a payload: `[[1]]` is 2.
pub const MAX_DEPTH: usize = 64;

/// A payload: any JSON value, kept as its own text without the white space between tokens.
///
/// Numbers, key order, duplicate keys and escapes stay exactly as they were sent, because what an app publishes is its
/// own business and a relay that rounds numbers is a bug that nobody finds.
///
/// ```
/// let payload = forge_relay_core::Payload::parse(r#"{ "b": 1.00, "a": "x  y" }"#, 65_536)?;
/// assert_eq!(payload.as_str(), r#"{"b":1.00,"a":"x  y"}"#);
/// # Ok::<(), forge_relay_core::Violation>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Box<str>);

impl Payload {
    /// Checks and minifies a JSON text. `max_bytes` bounds it as sent, before it is minified.
    ///
    /// # Errors
    /// `format` if it is not JSON, `too_large`, `too_deep`.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Self, Violation> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
            Violation::new(FieldCode::Format, format!("payload is not JSON: {error}"))
        })?;
        Self::from_raw(raw, max_bytes)
    }

    /// Checks and minifies a value whose syntax is known to be right.
    pub(crate) fn from_raw(raw: &RawValue, max_bytes: usize) -> Result<Self, Violation> {
        let text = raw.get();
        if text.len() > max_bytes {
            let bytes = text.len();
            let message = format!(
                "payload has {bytes} bytes: at most {max_bytes} are allowed, send a reference instead"
            );
            return Err(Violation::new(FieldCode::TooLarge, message));
        }
        minify(text).map(Self)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Payloads are the app's data and stay out of logs.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// As itself into JSON. Other formats cannot hold it.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0)
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// From JSON text only. Its size is whoever reads the text's concern.
impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(&raw, usize::MAX).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Payload {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": format!(
                "Any JSON value, null too: at most 64 KiB by default, nested at most {MAX_DEPTH} deep; passed on as its \
                 own text without the white space between tokens"
            ),
        })
    }
}

/// Drops white space outside of strings and measures the nesting, in one pass and without recursion. The text must be
/// valid JSON: strings end, brackets match.
fn minify(text: &str) -> Result<Box<str>, Violation> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut depth = 0usize;
    let mut copied = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    let message = format!(
                        "payload is nested deeper than {MAX_DEPTH}: flatten it, or send it as a string"
                    );
                    return Err(Violation::new(FieldCode::TooDeep, message));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b' ' | b'\n' | b'\r' | b'\t' => {
                // White space is ASCII, so these are character boundaries.
                out.push_str(text.get(copied..at).unwrap_or_default());
                copied = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok(out.into_boxed_str())
}

/// Where the string that starts at `start` has its closing quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}
