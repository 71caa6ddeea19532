use crate::text::check_length;
use crate::{FieldCode, Violation};

checked_text! {
    /// The name of an event: 1 to 128 characters, words of `A-Z a-z 0-9 _ -` joined by dots. Names that start with
    /// `relay.` are the relay's own.
    ///
    /// ```
    /// use forge_relay_core::EventName;
    /// assert!(EventName::parse("vote.cast").is_ok());
    /// assert!(EventName::parse("vote..cast").is_err());
    /// assert!(EventName::parse("relay.ready").is_err());
    /// ```
    EventName {
        max: 128, describe: "Words of A-Z a-z 0-9 _ - joined by dots; the prefix relay. is the relay's own", pattern: r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", not: Some(RESERVED_PATTERN), check: check
    }
}

const RESERVED: &str = "relay.";
#[cfg(feature = "schema")]
const RESERVED_PATTERN: &str = r"^relay\.";

fn check(text: &str) -> Result<(), Violation> {
    check_length("event", text, EventName::MAX_LENGTH)?;
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if !text.split('.').all(word) {
        let message =
            "event must be words of A-Z a-z 0-9 _ - joined by single dots, as in vote.cast";
        return Err(Violation::new(FieldCode::Format, message));
    }
    if text.starts_with(RESERVED) {
        return Err(Violation::new(
            FieldCode::Reserved,
            "names that start with relay. are the relay's own: choose another",
        ));
    }
    Ok(())
}
