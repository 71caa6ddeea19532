use super::*;

#[tokio::test]
async fn a_good_token_is_answered_with_what_it_says() {
    let relay = Setup::new().start();
    let body = json!({ "token": mint(SECRET, NOW, 300, None) }).to_string();
    let answer = relay.post("/socket/auth", &[], body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let says = answer.json();
    assert_eq!(says["app"], "default");
    assert_eq!(says["expiresAt"], NOW + 300);
    assert_eq!(says["claims"]["sub"], "acct-1");
    assert_eq!(says["claims"]["scope"], json!(["subscribe"]));
}

#[tokio::test]
async fn every_bad_token_is_401_with_its_own_code() {
    let relay = Setup::new().start();
    let tampered = mint(SECRET, NOW, 300, None).replacen("eyJ", "eyK", 1);
    let cases = [
        ("", "token_missing"),
        ("garbage", "token_invalid"),
        (&tampered, "token_invalid"),
        (&mint(OTHER_SECRET, NOW, 300, None), "token_invalid"),
        (&mint(SECRET, NOW, 300, Some("other-app")), "token_invalid"),
        (&mint(SECRET, NOW - 311, 300, None), "token_expired"),
        (&mint(SECRET, NOW + 11, 300, None), "token_not_yet_valid"),
        (&"x".repeat(9000), "token_invalid"),
    ];
    for (token, code) in cases {
        let answer = relay
            .post("/socket/auth", &[], json!({ "token": token }).to_string())
            .await;
        let problem = answer.refuses(401, code);
        assert!(
            token.len() < 8 || !answer.text.contains(token),
            "the token is told back: {problem}"
        );
    }
}

#[tokio::test]
async fn where_there_are_several_apps_the_token_says_which() {
    let relay = Setup::two_apps().start();
    let check =
        |token: String| relay.post("/socket/auth", &[], json!({ "token": token }).to_string());
    let cases = [
        (mint(SECRET, NOW, 300, Some("one")), "one"),
        (mint(OTHER_SECRET, NOW, 300, Some("two")), "two"),
    ];
    for (token, app) in cases {
        assert_eq!(check(token).await.json()["app"], app);
    }
    for token in [
        mint(SECRET, NOW, 300, None),
        mint(SECRET, NOW, 300, Some("two")),
        mint(SECRET, NOW, 300, Some("three")),
    ] {
        check(token).await.refuses(401, "token_invalid");
    }
    check(String::new()).await.refuses(401, "token_missing");
}

#[tokio::test]
async fn the_body_is_checked_like_any_other() {
    let relay = Setup::new().start();
    relay
        .post("/socket/auth", &[], "")
        .await
        .refuses(400, "bad_json");
    relay
        .post("/socket/auth", &[], "{}")
        .await
        .refuses(422, "invalid");
    relay
        .post("/socket/auth", &[], r#"{"token":null}"#)
        .await
        .refuses(422, "invalid");
    relay
        .post("/socket/auth", &[], r#"{"token":"","x":1}"#)
        .await
        .refuses(422, "invalid");
    let large = json!({ "token": "x".repeat(17_000) }).to_string();
    relay
        .post("/socket/auth", &[], large)
        .await
        .refuses(413, "too_large");
}
