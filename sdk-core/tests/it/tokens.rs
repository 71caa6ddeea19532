//! vectors/tokens.json.

use forge_relay_core::token::{
    Claims, Issuer, NewToken, TokenRules, looks_like_jws, mint, peek_issuer, verify,
};
use forge_relay_core::{KeyRing, SessionId};
use proptest::prelude::*;
use serde::Deserialize;

use crate::vectors::read;

#[derive(Deserialize)]
struct File {
    verify: Vec<Verify>,
    mint: Vec<Mint>,
    jws: Vec<Jws>,
}

#[derive(Deserialize)]
struct Verify {
    name: String,
    secrets: String,
    token: String,
    now: i64,
    issuer: Option<Rule>,
    claims: Option<serde_json::Value>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Optional(String),
    Required(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mint {
    name: String,
    secrets: String,
    account_id: String,
    session_id: String,
    expires_in: u32,
    issuer: Option<String>,
    now: i64,
    jti: String,
    token: Option<String>,
    expires_at: Option<i64>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Jws {
    text: String,
    jws: bool,
}

#[test]
fn tokens_are_judged_as_the_vectors_say() {
    for case in read::<File>("tokens").verify {
        let ring = KeyRing::parse(&case.secrets).unwrap();
        let issuer = match &case.issuer {
            None => Issuer::Any,
            Some(Rule::Optional(app)) => Issuer::Optional(app),
            Some(Rule::Required(app)) => Issuer::Required(app),
        };
        let rules = TokenRules {
            issuer,
            ..TokenRules::default()
        };
        match verify(&ring, &case.token, &rules, case.now) {
            Ok(claims) => {
                let expected = case
                    .claims
                    .unwrap_or_else(|| panic!("{}: accepted", case.name));
                let expected: Claims = serde_json::from_value(expected).unwrap();
                assert_eq!(
                    serde_json::to_value(claims).unwrap(),
                    serde_json::to_value(expected).unwrap(),
                    "{}",
                    case.name
                );
            }
            Err(error) => {
                assert_eq!(
                    Some(error.code().as_str()),
                    case.error.as_deref(),
                    "{}: {error}",
                    case.name
                );
                let told = error.to_string();
                assert!(
                    case.token.len() < 8 || !told.contains(&case.token),
                    "{}: repeats the token",
                    case.name
                );
            }
        }
    }
}

#[test]
fn minted_tokens_are_those_of_the_vectors_and_verify() {
    for case in read::<File>("tokens").mint {
        let ring = KeyRing::parse(&case.secrets).unwrap();
        let session_id = SessionId::parse(&case.session_id).unwrap();
        let new = NewToken {
            account_id: &case.account_id,
            session_id: &session_id,
            expires_in: case.expires_in,
            issuer: case.issuer.as_deref(),
        };
        match mint(&ring, &new, case.now, &case.jti) {
            Ok(minted) => {
                assert_eq!(Some(&minted.token), case.token.as_ref(), "{}", case.name);
                assert_eq!(Some(minted.expires_at), case.expires_at, "{}", case.name);
                assert!(looks_like_jws(&minted.token), "{}", case.name);
                assert_eq!(
                    peek_issuer(&minted.token).unwrap(),
                    case.issuer,
                    "{}",
                    case.name
                );
                let claims =
                    verify(&ring, &minted.token, &TokenRules::default(), case.now).unwrap();
                assert_eq!(
                    (claims.sub, claims.jti),
                    (case.account_id, case.jti),
                    "{}",
                    case.name
                );
            }
            Err(error) => assert_eq!(
                Some(error.code().as_str()),
                case.error.as_deref(),
                "{}",
                case.name
            ),
        }
    }
}

#[test]
fn a_bearer_that_is_a_jws_is_told_from_a_secret() {
    for case in read::<File>("tokens").jws {
        assert_eq!(looks_like_jws(&case.text), case.jws, "{}", case.text);
    }
}

#[test]
fn the_operator_sets_life_and_leeway() {
    let ring = KeyRing::parse("k").unwrap();
    let session_id = SessionId::parse("s").unwrap();
    let new = NewToken {
        account_id: "a",
        session_id: &session_id,
        expires_in: 60,
        issuer: None,
    };
    let token = mint(&ring, &new, 1000, "j").unwrap().token;
    let rules = |max_life, leeway| TokenRules {
        max_life,
        leeway,
        issuer: Issuer::Any,
    };
    assert!(verify(&ring, &token, &rules(60, 0), 1060).is_ok());
    assert!(verify(&ring, &token, &rules(59, 0), 1000).is_err());
    assert!(verify(&ring, &token, &rules(60, 0), 1061).is_err());
    assert!(verify(&ring, &token, &rules(60, 1), 1061).is_ok());
    assert!(verify(&ring, &token, &rules(60, 0), 999).is_err());
    for now in [i64::MIN, i64::MAX] {
        assert!(verify(&ring, &token, &rules(u32::MAX, u32::MAX), now).is_err());
    }
}

#[test]
fn claims_do_not_show_whose_they_are_in_debug_output() {
    let ring = KeyRing::parse("k").unwrap();
    let session_id = SessionId::parse("s").unwrap();
    let new = NewToken {
        account_id: "acct-secret",
        session_id: &session_id,
        expires_in: 60,
        issuer: None,
    };
    let minted = mint(&ring, &new, 1000, "j").unwrap();
    let claims = verify(&ring, &minted.token, &TokenRules::default(), 1000).unwrap();
    let shown = format!("{claims:?}{minted:?}");
    assert!(
        !shown.contains("acct-secret") && !shown.contains(&minted.token),
        "{shown}"
    );
}

#[test]
fn many_threads_may_be_the_first() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(the_operator_sets_life_and_leeway);
        }
    });
}

proptest! {
    #[test]
    fn what_is_minted_verifies_through_its_life(
        account in ".{1,256}", session in "[A-Za-z0-9._:~-]{1,128}", jti in ".{1,128}", life in 1u32..=300,
        issuer in proptest::option::of("[a-z-]{1,20}"), now in 0i64..4_000_000_000, later in 0i64..=310,
    ) {
        let ring = KeyRing::parse("new-key old-key").unwrap();
        let old = KeyRing::parse("old-key").unwrap();
        let session_id = SessionId::parse(&session).unwrap();
        let new = NewToken { account_id: &account, session_id: &session_id, expires_in: life, issuer: issuer.as_deref() };
        for signer in [&ring, &old] {
            let token = mint(signer, &new, now, &jti).unwrap().token;
            let result = verify(&ring, &token, &TokenRules::default(), now + later);
            prop_assert_eq!(result.is_ok(), later <= i64::from(life) + 10, "{:?}", result);
        }
    }

    #[test]
    fn no_text_breaks_it(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,3}"], now: i64) {
        let ring = KeyRing::parse("k").unwrap();
        prop_assert!(verify(&ring, &text, &TokenRules::default(), now).is_err());
        let _ = peek_issuer(&text);
        let _ = looks_like_jws(&text);
    }

    #[test]
    fn no_damage_goes_unnoticed(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9._-]") {
        let ring = KeyRing::parse("k").unwrap();
        let session_id = SessionId::parse("s").unwrap();
        let new = NewToken { account_id: "a", session_id: &session_id, expires_in: 60, issuer: None };
        let token = mint(&ring, &new, 1000, "j").unwrap().token;
        let at = at.index(token.len());
        let mut damaged = token.clone();
        damaged.replace_range(at..=at, &with);
        prop_assume!(damaged != token);
        prop_assert!(verify(&ring, &damaged, &TokenRules::default(), 1000).is_err());
    }
}
