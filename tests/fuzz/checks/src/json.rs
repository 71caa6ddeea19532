//! JSON as the contract sees it, written down once more.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's fields as they were sent, in order and with duplicates; `None` where the text is no object, or a name
/// of it is no text.
pub(crate) fn fields(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(fields)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let fields = reader.deserialize_map(Fields).ok()?;
    reader.end().ok()?;
    Some(fields)
}

/// The one value of a field; `None` where it is absent, or there more than once.
pub(crate) fn once<'a>(fields: &[(String, &'a RawValue)], name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|(field, _)| field == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value.get())
}

/// The text of a JSON string.
pub(crate) fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// A valid JSON text without the white space between its tokens, and how deep it is nested.
pub(crate) fn minified(text: &str) -> (String, usize) {
    let (mut out, mut depth, mut deepest) = (String::new(), 0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '"' => in_string = true,
                '[' | '{' => depth += 1,
                ']' | '}' => depth -= 1,
                ' ' | '\t' | '\r' | '\n' => continue,
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        out.push(c);
    }
    (out, deepest)
}
