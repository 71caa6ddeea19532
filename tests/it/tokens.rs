//! Who may subscribe: tokens good and bad, each refusal with its stable code.

use serde_json::{Value, json};

use crate::harness::{App, Node, Relay, Subscriber, TokenText, now};

async fn refusal(relay: &Relay, token: impl Into<Value>) -> (String, Value) {
    Subscriber::refused(relay.address, &json!({ "token": token.into() })).await
}

#[tokio::test]
async fn a_good_token_starts_at_the_head_and_is_told_so() {
    let relay = Relay::start();
    let head = relay.publish_range("s", 1, 3).await.pop().unwrap();
    let (_, ready) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(ready.session_id, "s");
    assert_eq!(ready.cursor, head.cursor);
    assert!(!ready.recovered);
    assert_eq!(ready.replayed, 0);
    assert!((now() + 295..=now() + 300).contains(&ready.expires_at));
}

#[tokio::test]
async fn every_bad_token_is_refused_with_its_code() {
    let relay = Relay::start();
    let key = relay.app.key();
    let good = || TokenText::new("alice", "s");
    let signed = |token: TokenText| token.signed(&key);
    let tampered = {
        let token = signed(good());
        let (_, signature) = token.rsplit_once('.').unwrap();
        format!("{}.{signature}", TokenText::new("mallory", "s").unsigned())
    };

    for (what, code, token) in [
        (
            "expired",
            "token_expired",
            signed(good().with("iat", now() - 100).with("exp", now() - 11)),
        ),
        (
            "issued in the future",
            "token_not_yet_valid",
            signed(good().with("iat", now() + 15).with("exp", now() + 60)),
        ),
        (
            "not yet valid",
            "token_not_yet_valid",
            signed(good().with("nbf", now() + 15)),
        ),
        (
            "too long-lived",
            "token_too_long_lived",
            signed(good().expires_in(301)),
        ),
        (
            "no subscribe",
            "scope_missing",
            signed(good().with("scope", json!(["publish"]))),
        ),
        (
            "an empty scope",
            "scope_missing",
            signed(good().with("scope", json!([]))),
        ),
        (
            "a scope as text",
            "token_invalid",
            signed(good().with("scope", "subscribe")),
        ),
        ("no scope", "scope_missing", signed(good().without("scope"))),
        ("no sub", "token_invalid", signed(good().without("sub"))),
        (
            "an empty sub",
            "token_invalid",
            signed(good().with("sub", "")),
        ),
        (
            "a long sub",
            "token_invalid",
            signed(good().with("sub", "a".repeat(257))),
        ),
        (
            "no session",
            "token_invalid",
            signed(good().without("sessionId")),
        ),
        (
            "a session that cannot be",
            "token_invalid",
            signed(good().with("sessionId", "a b")),
        ),
        ("no jti", "token_invalid", signed(good().without("jti"))),
        ("no iat", "token_invalid", signed(good().without("iat"))),
        ("no exp", "token_invalid", signed(good().without("exp"))),
        (
            "a fractional exp",
            "token_invalid",
            signed(good().with("exp", json!(now() as f64 + 60.5))),
        ),
        (
            "exp as text",
            "token_invalid",
            signed(good().with("exp", (now() + 60).to_string())),
        ),
        (
            "alg none",
            "token_invalid",
            format!("{}.", good().header("alg", "none").unsigned()),
        ),
        (
            "alg none, signed",
            "token_invalid",
            signed(good().header("alg", "none")),
        ),
        (
            "alg RS256",
            "token_invalid",
            signed(good().header("alg", "RS256")),
        ),
        (
            "alg HS512",
            "token_invalid",
            signed(good().header("alg", "HS512")),
        ),
        (
            "another app's key",
            "token_invalid",
            good().signed(&App::named("stranger").key()),
        ),
        ("another's claims", "token_invalid", tampered),
        (
            "another app's iss",
            "token_invalid",
            signed(good().with("iss", "stranger")),
        ),
        ("no signature", "token_invalid", good().unsigned()),
        ("garbage", "token_invalid", "garbage".to_owned()),
        ("three dots", "token_invalid", "...".to_owned()),
        ("nothing", "token_missing", String::new()),
    ] {
        let (message, data) = refusal(&relay, token).await;
        assert_eq!(message, code, "{what}: {data}");
        assert!(
            data["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{what}: {data}"
        );
        assert!(data["retryable"].is_boolean(), "{what}: {data}");
    }
}

#[tokio::test]
async fn what_is_optional_may_be_there() {
    let relay = Relay::start();
    for token in [
        TokenText::new("alice", "s").with("nbf", now() + 5),
        TokenText::new("alice", "s")
            .with("iat", now() + 5)
            .with("exp", now() + 200),
        TokenText::new("alice", "s")
            .with("iat", now() - 100)
            .with("exp", now() - 5),
        TokenText::new("alice", "s").with("iss", "default"),
        TokenText::new("alice", "s").with("scope", json!(["read", "subscribe"])),
        TokenText::new("alice", "s")
            .with("aud", "anything")
            .header("kid", "unknown"),
        TokenText::new(&"a".repeat(256), &"s".repeat(128)),
    ] {
        Subscriber::join(relay.address, &token.signed(&relay.app.key())).await;
    }
}

#[tokio::test]
async fn a_token_may_be_used_again() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (mut first, _) = Subscriber::join(relay.address, &token).await;
    let (mut second, _) = Subscriber::join(relay.address, &token).await;
    relay.publish_range("s", 1, 1).await;
    first.expect_numbers(1, 1).await;
    second.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn where_several_apps_are_served_iss_says_which() {
    let (red, blue) = (App::named("red"), App::named("blue"));
    let relay = Relay::serving(&[red.clone(), blue.clone()], "");
    let token = |iss: &str, app: &App| {
        TokenText::new("alice", "s")
            .with("iss", iss)
            .signed(&app.key())
    };
    Subscriber::join(relay.address, &token("red", &red)).await;
    Subscriber::join(relay.address, &token("blue", &blue)).await;
    for bad in [
        token("red", &blue),
        token("green", &red),
        TokenText::new("alice", "s").signed(&red.key()),
    ] {
        assert_eq!(refusal(&relay, bad).await.0, "token_invalid");
    }
}

#[tokio::test]
async fn a_handshake_of_the_wrong_shape_is_refused() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    for (what, code, auth) in [
        ("no token", "token_missing", json!({})),
        ("a number as token", "bad_handshake", json!({ "token": 7 })),
        (
            "a number as cursor",
            "bad_handshake",
            json!({ "token": token, "cursor": 7 }),
        ),
    ] {
        assert_eq!(
            Subscriber::refused(relay.address, &auth).await.0,
            code,
            "{what}"
        );
    }
    let mut nothing = relay.opening().open().await;
    nothing.send("40").await;
    assert_eq!(nothing.expect_refused().await.0, "token_missing");
    for auth in [
        json!({ "token": token, "cursor": null, "other": [1, 2] }),
        json!({ "token": token }),
    ] {
        Subscriber::join_with(relay.address, &auth).await;
    }
}

#[tokio::test]
async fn an_expired_token_is_worth_another_try_and_a_forged_one_is_not() {
    let relay = Relay::start();
    let expired = TokenText::new("alice", "s")
        .with("iat", now() - 100)
        .with("exp", now() - 20);
    let (_, data) = refusal(&relay, expired.signed(&relay.app.key())).await;
    assert_eq!(data["retryable"], true, "the page fetches a new one");
    let forged = TokenText::new("alice", "s").signed(&App::named("stranger").key());
    let (_, data) = refusal(&relay, forged).await;
    assert_eq!(data["retryable"], false);
}

#[tokio::test]
async fn a_stock_client_sees_the_code_and_what_comes_with_it() {
    let relay = Relay::start();
    let node = Node::start();
    let stranger = App::named("stranger");
    let token = node.mint(&stranger.secret, "alice", "s").await;
    let mut client = node.connect("4.8", &relay.url(), &token).await;
    let refusal = client.expect("connect_error").await;
    assert_eq!(refusal["message"], "token_invalid");
    assert_eq!(refusal["data"]["retryable"], false);
}

#[tokio::test]
async fn another_algorithm_of_a_stock_library_is_refused() {
    let relay = Relay::start();
    let node = Node::start();
    let claims = json!({ "sub": "alice", "sessionId": "s", "scope": ["subscribe"] });
    for algorithm in ["HS384", "HS512"] {
        let options = json!({ "algorithm": algorithm, "expiresIn": 60 });
        let command = json!({ "secret": relay.app.secret, "claims": claims, "options": options });
        let token = node.call("mint", command).await;
        assert_eq!(
            refusal(&relay, token).await.0,
            "token_invalid",
            "{algorithm}"
        );
    }
}
