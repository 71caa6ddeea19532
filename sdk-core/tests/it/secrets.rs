//! vectors/keys.json: from the text of a setting to a key.

use forge_relay_core::{Key, KeyError, KeyRing};
use serde::Deserialize;

use crate::vectors::read;

#[derive(Deserialize)]
struct File {
    keys: Vec<Good>,
    refused: Vec<Refused>,
    rings: Vec<Ring>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Good {
    secret: String,
    bytes_hex: String,
    id: String,
    weak: bool,
}

#[derive(Deserialize)]
struct Refused {
    secret: String,
    error: String,
}

#[derive(Deserialize)]
struct Ring {
    text: String,
    ids: Option<Vec<String>>,
    error: Option<String>,
}

fn word(error: KeyError) -> &'static str {
    match error {
        KeyError::Empty => "empty",
        KeyError::NotBase64 => "not_base64",
        KeyError::Separator => "separator",
    }
}

#[test]
fn a_secret_makes_a_key() {
    for case in read::<File>("keys").keys {
        let key = Key::parse(&case.secret).unwrap();
        assert_eq!(
            (key.id(), key.is_weak()),
            (case.id.as_str(), case.weak),
            "{}",
            case.secret
        );
        assert_eq!(key.length() * 2, case.bytes_hex.len(), "{}", case.secret);
    }
}

#[test]
fn what_is_no_secret_is_refused_without_being_repeated() {
    for case in read::<File>("keys").refused {
        let error = Key::parse(&case.secret).expect_err(&case.secret);
        assert_eq!(word(error), case.error, "{}", case.secret);
        assert!(case.secret.len() < 4 || !error.to_string().contains(&case.secret));
    }
}

#[test]
fn several_secrets_make_a_ring() {
    for case in read::<File>("keys").rings {
        match KeyRing::parse(&case.text) {
            Ok(ring) => {
                let ids: Vec<_> = ring.keys().iter().map(Key::id).collect();
                assert_eq!(
                    Some(ids),
                    case.ids
                        .as_ref()
                        .map(|ids| ids.iter().map(String::as_str).collect())
                );
                assert_eq!(ring.signing().id(), ring.keys()[0].id());
            }
            Err(error) => assert_eq!(Some(word(error)), case.error.as_deref(), "{}", case.text),
        }
    }
}

#[test]
fn a_bearer_is_the_text_of_any_of_the_secrets() {
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let ring = KeyRing::parse(&format!("{secret}, another-secret-of-more-than-32-bytes")).unwrap();
    assert!(ring.matches_bearer(secret));
    assert!(ring.matches_bearer("another-secret-of-more-than-32-bytes"));
    let wrong = [
        "",
        "whsec_",
        &secret[6..],
        secret.trim_end_matches('='),
        "another-secret-of-more-than-32-byteS",
        "another-secret-of-more-than-32-bytes ",
        &format!("{secret}, another-secret-of-more-than-32-bytes"),
    ];
    for text in wrong {
        assert!(!ring.matches_bearer(text), "{text}");
    }
}

#[test]
fn weak_keys_are_listed() {
    let ring = KeyRing::parse("this-secret-has-exactly-32-bytes, this-secret-has-less-than-32-by")
        .unwrap();
    let weak: Vec<_> = ring.weak().iter().map(|key| key.length()).collect();
    assert_eq!(weak, [31]);
}

#[test]
fn debug_output_shows_ids_only() {
    let ring = KeyRing::parse("a-secret-that-has-at-least-32-bytes").unwrap();
    let shown = format!("{ring:?}");
    assert!(
        shown.contains(ring.signing().id()) && !shown.contains("secret"),
        "{shown}"
    );
}
