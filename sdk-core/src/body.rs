//! Reading a request's body: JSON first, then every rule at once.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Code, FieldCode, FieldError, Violation};

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It is not JSON.
    BadJson {
        /// What is wrong and where, by line and column.
        detail: String,
    },
    /// It is JSON and breaks rules: all that it breaks.
    Invalid(Vec<FieldError>),
}

/// Why an event, or a batch of them, is refused.
pub type EventError = BodyError;

impl BodyError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::BadJson { .. } => Code::BadJson,
            Self::Invalid(_) => Code::Invalid,
        }
    }

    /// The fields that are wrong; none if it is not even JSON.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Self::BadJson { .. } => &[],
            Self::Invalid(errors) => errors,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadJson { detail } => write!(f, "the body is not JSON: {detail}"),
            Self::Invalid(errors) => match errors.as_slice() {
                [] => f.write_str("the body breaks the rules"),
                [only] => only.fmt(f),
                [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
            },
        }
    }
}

impl std::error::Error for BodyError {}

/// Checks that the whole body is one JSON text, without recursion, however deep it is nested.
pub(crate) fn read_json(body: &[u8]) -> Result<&RawValue, BodyError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let (line, column) = position(body, error.valid_up_to());
        BodyError::BadJson {
            detail: format!("not UTF-8 at line {line} column {column}: send the body as UTF-8"),
        }
    })?;
    serde_json::from_str(text).map_err(|error| BodyError::BadJson {
        detail: error.to_string(),
    })
}

/// Line and column from 1, columns in bytes, as serde_json counts them.
fn position(body: &[u8], offset: usize) -> (usize, usize) {
    let before = body.get(..offset).unwrap_or(body);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n')
        .count();
    (line, column)
}

/// Collects what is wrong with one object.
pub(crate) struct Errors {
    index: Option<usize>,
    pub(crate) list: Vec<FieldError>,
}

impl Errors {
    pub(crate) fn new(index: Option<usize>) -> Self {
        Self {
            index,
            list: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, field: impl Into<String>, violation: Violation) {
        self.list.push(FieldError {
            index: self.index,
            ..violation.at(field)
        });
    }

    /// Passes a good value on; notes a bad one at a field that is named as it stands in the JSON.
    pub(crate) fn take<T>(&mut self, name: &str, checked: Result<T, Violation>) -> Option<T> {
        checked
            .map_err(|violation| self.push(format!("/{name}"), violation))
            .ok()
    }
}

/// How many unknown fields of one object are named. They are the one kind of error that a sender can have without
/// bound, and an answer must not be larger than the question.
const MAX_UNKNOWN: usize = 16;
/// How much of an unknown field's name is repeated.
const MAX_NAME: usize = 128;

/// The known fields of an object, as they were sent; the last one, where one was sent twice.
pub(crate) struct Object<'a, const N: usize> {
    names: [&'static str; N],
    values: [Option<&'a RawValue>; N],
}

impl<'a, const N: usize> Object<'a, N> {
    /// Sorts an object's fields into those that are known, and notes unknown and duplicate ones. `None`, and an error
    /// that says so, where the value is no object.
    pub(crate) fn read(
        raw: &'a RawValue,
        names: [&'static str; N],
        what: &str,
        errors: &mut Errors,
    ) -> Option<Self> {
        let Ok(fields) =
            (&mut serde_json::Deserializer::from_str(raw.get())).deserialize_map(Fields)
        else {
            let message = format!("{what} must be a JSON object, this is {}", json_type(raw));
            errors.push("", Violation::new(FieldCode::WrongType, message));
            return None;
        };
        let mut object = Self {
            names,
            values: [None; N],
        };
        let mut duplicate = [false; N];
        let mut unknown = 0;
        for (key, value) in fields {
            let key = decode_key(key);
            let Some(at) = names.iter().position(|name| *name == key) else {
                unknown += 1;
                if unknown <= MAX_UNKNOWN {
                    let message = format!("unknown field: the fields are {}", names.join(", "));
                    errors.push(pointer(&key), Violation::new(FieldCode::Unknown, message));
                }
                continue;
            };
            if object.values[at].replace(value).is_some()
                && !std::mem::replace(&mut duplicate[at], true)
            {
                let message = format!("{key} is there more than once: send it once");
                errors.push(
                    format!("/{key}"),
                    Violation::new(FieldCode::Duplicate, message),
                );
            }
        }
        if unknown > MAX_UNKNOWN {
            let message = format!(
                "{} more unknown fields: the fields are {}",
                unknown - MAX_UNKNOWN,
                names.join(", ")
            );
            errors.push("", Violation::new(FieldCode::Unknown, message));
        }
        Some(object)
    }

    /// A field's value, `null` too; notes it where it is missing.
    pub(crate) fn required(&self, name: &'static str, errors: &mut Errors) -> Option<&'a RawValue> {
        let value = self.optional(name);
        if value.is_none() {
            errors.push(
                format!("/{name}"),
                Violation::new(FieldCode::Missing, format!("{name} is missing: add it")),
            );
        }
        value
    }

    /// A field's value, `null` too.
    pub(crate) fn optional(&self, name: &str) -> Option<&'a RawValue> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values[at]
    }

    /// A required string that its type's `parse` accepts.
    pub(crate) fn text<T>(
        &self,
        name: &'static str,
        errors: &mut Errors,
        parse: impl FnOnce(&str) -> Result<T, Violation>,
    ) -> Option<T> {
        let raw = self.required(name, errors)?;
        errors.take(name, string(name, raw).and_then(|text| parse(&text)))
    }

    /// The same where it may be left out: the outer `None` is for a bad one.
    #[cfg(feature = "keys")]
    #[allow(clippy::option_option)]
    pub(crate) fn optional_text<T>(
        &self,
        name: &'static str,
        errors: &mut Errors,
        parse: impl FnOnce(&str) -> Result<T, Violation>,
    ) -> Option<Option<T>> {
        let Some(raw) = self.optional(name) else {
            return Some(None);
        };
        errors
            .take(name, string(name, raw).and_then(|text| parse(&text)))
            .map(Some)
    }
}

/// The string that a value is.
fn string<'a>(name: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Violation> {
    if !raw.get().starts_with('"') {
        let message = format!("{name} must be a string, this is {}", json_type(raw));
        return Err(Violation::new(FieldCode::WrongType, message));
    }
    // Its syntax is right, so this can only be an escape for half a character.
    let text = serde_json::from_str::<Text<'a>>(raw.get());
    text.map(|text| text.0).map_err(|_| {
        Violation::new(
            FieldCode::Format,
            format!("{name} holds a lone surrogate escape"),
        )
    })
}

/// `Cow<str>` that borrows where it can, which serde's own does not.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of any string, half characters in it replaced: for texts that are compared and never passed on, so that
/// a strange one is merely wrong. `None` where the value is no string.
pub(crate) fn any_string(raw: &RawValue) -> Option<String> {
    struct Lossy;
    impl Visitor<'_> for Lossy {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        // serde_json hands strings out as bytes without asking for whole characters.
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
    (&mut serde_json::Deserializer::from_str(raw.get()))
        .deserialize_bytes(Lossy)
        .ok()
}

/// A number, for the few fields that are one.
pub(crate) fn number<T: DeserializeOwned>(
    name: &str,
    raw: &RawValue,
    what: &str,
) -> Result<T, Violation> {
    if !raw
        .get()
        .starts_with(|c: char| c == '-' || c.is_ascii_digit())
    {
        let message = format!("{name} must be {what}, this is {}", json_type(raw));
        return Err(Violation::new(FieldCode::WrongType, message));
    }
    serde_json::from_str(raw.get())
        .map_err(|_| Violation::new(FieldCode::Range, format!("{name} must be {what}")))
}

/// A key's text; one that has none (half a character) stands as it was sent, and is unknown either way.
fn decode_key(key: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Text<'_>>(key.get()).map_or(Cow::Borrowed(key.get()), |text| text.0)
}

/// A JSON Pointer to a field of the whole, its name cut where it is absurdly long.
fn pointer(name: &str) -> String {
    let mut pointer = String::from("/");
    for (count, c) in name.chars().enumerate() {
        match c {
            _ if count == MAX_NAME => {
                pointer.push('…');
                break;
            }
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
    pointer
}

/// What a value is, for people.
pub(crate) fn json_type(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Keys and values of an object as they were sent, in order.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(&'de RawValue, &'de RawValue)>;

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

/// The elements of an array as they were sent: the first `max`, and how many there are in all. `None` if it is none.
pub(crate) fn read_array(raw: &RawValue, max: usize) -> Option<(Vec<&RawValue>, usize)> {
    (&mut serde_json::Deserializer::from_str(raw.get()))
        .deserialize_seq(Elements { max })
        .ok()
}

struct Elements {
    max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        let mut count = 0;
        while first.len() < self.max {
            let Some(element) = seq.next_element()? else {
                return Ok((first, count));
            };
            first.push(element);
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((first, count))
    }
}
