//! The patterns of the schemas and the checks at run time are the same rule.

use forge_relay_core::{Cursor, EventName, Nonce, SessionId, Timestamp};
use proptest::prelude::*;
use regex::Regex;

/// Texts that are nearly right, so that both answers come up.
fn nearly() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9._:~ /-]{0,130}",
        r"(relay|a|b-c|_1)(\.(relay|a|b-c|_1)){0,3}\.?",
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{0,50})?([Zz]|[+-][01][0-9]:[0-5][0-9])?",
        "[0-9a-fA-F]{15,17}-[0-9]{0,18}",
        "[ -~]{1,70}",
        any::<String>(),
    ]
}

/// Lengths count characters in a schema; a text with a pattern is ASCII, so they are bytes too.
fn matches(pattern: &str, max: usize, text: &str) -> bool {
    // `$` of Rust's regex, unlike that of others, does not match before a last newline.
    (1..=max).contains(&text.chars().count()) && Regex::new(pattern).unwrap().is_match(text)
}

proptest! {
    #[test]
    fn parse_and_pattern_agree(text in nearly()) {
        prop_assert_eq!(SessionId::parse(&text).is_ok(), matches(SessionId::PATTERN, SessionId::MAX_LENGTH, &text));
        prop_assert_eq!(Nonce::parse(&text).is_ok(), matches(Nonce::PATTERN, Nonce::MAX_LENGTH, &text));
        let name = matches(EventName::PATTERN, EventName::MAX_LENGTH, &text) && !text.starts_with("relay.");
        prop_assert_eq!(EventName::parse(&text).is_ok(), name);
        // The patterns do not know the calendar, nor the largest seq.
        if Timestamp::parse(&text).is_ok() {
            prop_assert!(matches(Timestamp::PATTERN, Timestamp::MAX_LENGTH, &text));
        }
        if text.parse::<Cursor>().is_ok() {
            prop_assert!(matches(Cursor::PATTERN, usize::MAX, &text));
        }
    }
}

#[test]
fn every_ascii_character_is_judged_alike() {
    for byte in 0..=127u8 {
        let text = format!("a{}b", char::from(byte));
        assert_eq!(
            SessionId::parse(&text).is_ok(),
            matches(SessionId::PATTERN, 128, &text),
            "{text:?}"
        );
        assert_eq!(
            Nonce::parse(&text).is_ok(),
            matches(Nonce::PATTERN, 64, &text),
            "{text:?}"
        );
        assert_eq!(
            EventName::parse(&text).is_ok(),
            matches(EventName::PATTERN, 128, &text),
            "{text:?}"
        );
    }
}
