//! `{ secret, tokenSecret?, app?, payloadBytes? }`.

use super::{Failure, Publisher};
use crate::body::{Errors, Object, number, read_json};
use crate::{FieldCode, KeyRing, Rules, Violation};

const LONGEST_APP: usize = 64;

pub(super) fn read(settings: &[u8]) -> Result<Publisher, Failure> {
    let raw = read_json(settings)?;
    let mut errors = Errors::new(None);
    let names = ["secret", "tokenSecret", "app", "payloadBytes"];
    let publisher = Object::read(raw, names, "the options", &mut errors).and_then(|object| {
        let keys = object.text("secret", &mut errors, keys);
        let token_keys = object.optional_text("tokenSecret", &mut errors, self::keys);
        let app = object.optional_text("app", &mut errors, app);
        let payload_bytes = object.optional("payloadBytes").map(|raw| {
            errors.take(
                "payloadBytes",
                number::<u32>("payloadBytes", raw, "a whole number of bytes"),
            )
        });
        let keys = keys?;
        Some(Publisher {
            token_keys: token_keys?.unwrap_or_else(|| keys.clone()),
            keys,
            app: app?,
            rules: match payload_bytes {
                Some(bytes) => Rules {
                    payload_bytes: usize::try_from(bytes?).unwrap_or(usize::MAX),
                    ..Rules::default()
                },
                None => Rules::default(),
            },
        })
    });
    match publisher {
        Some(publisher) if errors.list.is_empty() => Ok(publisher),
        _ => Err(Failure::invalid(errors.list)),
    }
}

fn keys(text: &str) -> Result<KeyRing, Violation> {
    KeyRing::parse_strong(text)
        .map_err(|error| Violation::new(FieldCode::Format, error.to_string()))
}

/// As the relay names its apps.
fn app(text: &str) -> Result<Box<str>, Violation> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=LONGEST_APP).contains(&text.len()) && text.bytes().all(word) {
        return Ok(text.into());
    }
    let message = format!("app must be 1 to {LONGEST_APP} of A-Z a-z 0-9 . _ -");
    Err(Violation::new(FieldCode::Format, message))
}
