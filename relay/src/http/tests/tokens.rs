use super::*;

fn minting() -> Relay {
    let mut setup = Setup::new();
    setup.apps[0].mint_tokens = true;
    setup.start()
}

#[tokio::test]
async fn a_minted_token_opens_its_session_for_as_long_as_was_asked() {
    let relay = minting();
    for (asked, life) in [(json!({}), 300), (json!({ "expiresIn": 60 }), 60)] {
        let mut body = json!({ "accountId": "acct-1", "sessionId": "abc-123" });
        body.as_object_mut()
            .unwrap()
            .extend(asked.as_object().unwrap().clone());
        let answer = relay.publish("/tokens", body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["expiresAt"], NOW + life);
        let token = answer.json()["token"].clone();
        let checked = relay
            .post("/socket/auth", &[], json!({ "token": token }).to_string())
            .await;
        assert_eq!(checked.json()["claims"]["sub"], "acct-1", "{checked:?}");
        assert_eq!(checked.json()["claims"]["sessionId"], "abc-123");
    }
}

#[tokio::test]
async fn minting_is_not_found_unless_the_app_turned_it_on() {
    let relay = Setup::new().start();
    relay
        .publish("/tokens", "{}")
        .await
        .refuses(404, "not_found");
    relay
        .post("/tokens", &[], "{}")
        .await
        .refuses(404, "not_found");

    let mut setup = Setup::two_apps();
    setup.apps[1].mint_tokens = true;
    let relay = setup.start();
    let body = json!({ "accountId": "a", "sessionId": "s" }).to_string();
    for (id, secret, status) in [("one", SECRET, 404), ("two", OTHER_SECRET, 200)] {
        let headers = [
            ("relay-app", id),
            ("authorization", &format!("Bearer {secret}")),
        ];
        assert_eq!(
            relay.post("/tokens", &headers, body.clone()).await.status,
            status,
            "{id}"
        );
    }
}

#[tokio::test]
async fn only_a_publisher_mints_and_every_wrong_field_is_named() {
    let relay = minting();
    relay
        .post("/tokens", &[], "{}")
        .await
        .refuses(401, "unauthenticated");
    relay.publish("/tokens", "{").await.refuses(400, "bad_json");
    let cases = [
        (
            r#"{}"#,
            vec![("/accountId", "missing"), ("/sessionId", "missing")],
        ),
        (
            r#"{"accountId":"","sessionId":"a b","expiresIn":301,"x":1}"#,
            vec![
                ("/accountId", "length"),
                ("/expiresIn", "range"),
                ("/sessionId", "format"),
                ("/x", "unknown"),
            ],
        ),
        (
            r#"{"accountId":"a","accountId":"b","sessionId":"s"}"#,
            vec![("/accountId", "duplicate")],
        ),
        (
            r#"{"accountId":1,"sessionId":"s","expiresIn":"60"}"#,
            vec![("/accountId", "wrong_type"), ("/expiresIn", "wrong_type")],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":0}"#,
            vec![("/expiresIn", "range")],
        ),
        (r#"[]"#, vec![("", "wrong_type")]),
    ];
    for (body, expected) in cases {
        let problem = relay.publish("/tokens", body).await.refuses(422, "invalid");
        let mut found: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                (
                    error["field"].as_str().unwrap(),
                    error["code"].as_str().unwrap(),
                )
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{body}");
    }
}
