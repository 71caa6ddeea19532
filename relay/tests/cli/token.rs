//! `token mint` and `token check`.

use forge_relay_core::Key;
use serde_json::Value as Json;

use crate::run::{OTHER, SECRET, relay};

#[test]
fn a_minted_token_checks_and_a_strangers_does_not() {
    let mint = [
        "token",
        "mint",
        "--account",
        "acct-1",
        "--session",
        "abc-123",
        "--expires-in",
        "60s",
    ];
    let ran = relay("token", &mint)
        .env("RELAY_SECRET", SECRET)
        .ran()
        .ended(0)
        .hides(SECRET);
    let token = ran.out.trim_end().to_owned();
    assert_eq!(token.split('.').count(), 3);

    let check = |secret: &str, args: &[&str], input: &str| {
        let args = [&["token", "check", "--json"], args].concat();
        relay("token", &args)
            .env("RELAY_SECRET", secret)
            .with_input(input)
    };
    let id = Key::parse(SECRET).unwrap().id().to_owned();
    for ran in [
        check(SECRET, &[&token], ""),
        check(SECRET, &["-"], &format!("{token}\n")),
    ] {
        let answer = ran.ended(0).json();
        assert_eq!(answer["valid"], true);
        assert_eq!(answer["keyId"], id.as_str());
        assert_eq!(answer["claims"]["sub"], "acct-1");
        assert_eq!(answer["claims"]["sessionId"], "abc-123");
        assert_eq!(
            answer["claims"]["exp"].as_i64().unwrap() - answer["claims"]["iat"].as_i64().unwrap(),
            60
        );
    }
    // In a rotation, the key that signed is found among the others.
    let answer = check(&format!("{OTHER} {SECRET}"), &[&token], "")
        .ended(0)
        .json();
    assert_eq!(answer["keyId"], id.as_str());

    let answer = check(OTHER, &[&token], "").ended(1).json();
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["code"], "token_invalid");
    assert_eq!(answer["keyId"], Json::Null);
    assert_eq!(
        answer["claims"]["sub"], "acct-1",
        "what it says is shown, to find out why"
    );
    assert_eq!(
        check(SECRET, &["garbage"], "").ended(1).json()["code"],
        "token_invalid"
    );
    assert_eq!(
        check(SECRET, &[&token, "--app", "poker"], "")
            .ended(1)
            .json()["code"],
        "token_invalid"
    );

    let ran = relay("token", &["token", "check", &token])
        .env("RELAY_SECRET", SECRET)
        .ran()
        .ended(0);
    assert!(ran.out.starts_with("valid for another "), "{}", ran.out);
    assert!(
        ran.out.contains(&format!("signed with key {id}")),
        "{}",
        ran.out
    );
}

#[test]
fn the_token_secret_signs_tokens_where_there_is_one() {
    let mint = [
        "token",
        "mint",
        "--account",
        "a",
        "--session",
        "s",
        "--app",
        "poker",
        "--json",
    ];
    let ran = relay("token2", &mint)
        .env("RELAY_SECRET", SECRET)
        .env("RELAY_TOKEN_SECRET", OTHER)
        .ran()
        .ended(0);
    assert_eq!(ran.err, "");
    let answer = ran.json();
    assert!(answer["expiresAt"].is_i64());
    let token = answer["token"].as_str().unwrap();
    let check = relay(
        "token2",
        &["token", "check", token, "--app", "poker", "--json"],
    )
    .env("RELAY_SECRET", OTHER)
    .ran()
    .ended(0)
    .json();
    assert_eq!(check["claims"]["iss"], "poker");
}

#[test]
fn what_cannot_be_minted_is_told() {
    for (args, message) in [
        (
            ["--account", "a", "--session", "a b", "--expires-in", "60s"],
            "--session: ",
        ),
        (
            ["--account", "a", "--session", "s", "--expires-in", "60"],
            "--expires-in: 60 has no unit",
        ),
        (
            ["--account", "a", "--session", "s", "--expires-in", "1h"],
            "expires_in must be 1 to 300 seconds",
        ),
        (
            ["--account", "", "--session", "s", "--expires-in", "60s"],
            "account id",
        ),
    ] {
        let args = [&["token", "mint"][..], &args].concat();
        let ran = relay("mint", &args)
            .env("RELAY_SECRET", SECRET)
            .ran()
            .ended(2);
        assert!(ran.err.contains(message), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    let ran = relay(
        "mint",
        &["token", "mint", "--account", "a", "--session", "s"],
    )
    .ran()
    .ended(2);
    assert!(
        ran.err
            .contains("no secret: set RELAY_SECRET or RELAY_SECRET_FILE"),
        "{}",
        ran.err
    );
}
