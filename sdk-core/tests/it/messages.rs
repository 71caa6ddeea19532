//! The Socket.IO messages, word for word, and what a handshake may be.

use forge_relay_core::message::{
    Bye, ConnectErrorData, Expiring, Handshake, Ready, Refresh, RefreshAnswer, Refused, Resync,
};
use forge_relay_core::request::{SocketAuthRequest, TokenRequest};
use forge_relay_core::{BodyError, Code, Cursor, Epoch, Problem, ResyncReason, SessionId};
use serde_json::{json, to_value};

fn cursor() -> Cursor {
    Cursor {
        epoch: Epoch(0xabc),
        seq: 7,
    }
}

#[test]
fn messages_are_written_as_the_contract_says() {
    let ready = Ready {
        session_id: SessionId::parse("abc-123").unwrap(),
        connection_id: "sid".into(),
        cursor: cursor(),
        recovered: true,
        replayed: 3,
        expires_at: Some(1_714_557_900),
    };
    let sent = json!({ "sessionId": "abc-123", "connectionId": "sid", "cursor": "0000000000000abc-7", "recovered": true,
                       "replayed": 3, "expiresAt": 1_714_557_900 });
    assert_eq!(to_value(&ready).unwrap(), sent);
    assert_eq!(serde_json::from_value::<Ready>(sent).unwrap(), ready);
    let publisher = Ready {
        expires_at: None,
        ..ready
    };
    let sent = to_value(&publisher).unwrap();
    assert!(sent.get("expiresAt").is_none(), "{sent}");
    assert_eq!(serde_json::from_value::<Ready>(sent).unwrap(), publisher);

    let resync = Resync {
        reason: ResyncReason::FellBehind,
        cursor: cursor(),
    };
    assert_eq!(
        to_value(resync).unwrap(),
        json!({ "reason": "fell_behind", "cursor": "0000000000000abc-7" })
    );

    let expiring = Expiring {
        expires_at: 10,
        in_seconds: 5,
    };
    assert_eq!(
        to_value(expiring).unwrap(),
        json!({ "expiresAt": 10, "inSeconds": 5 })
    );

    let bye = Bye {
        code: Code::Draining,
        reason: "it stops".into(),
        reconnect: true,
        after_ms: 250,
    };
    let sent =
        json!({ "code": "draining", "reason": "it stops", "reconnect": true, "afterMs": 250 });
    assert_eq!(to_value(bye).unwrap(), sent);

    let refreshed = RefreshAnswer::Refreshed { expires_at: 10 };
    assert_eq!(to_value(&refreshed).unwrap(), json!({ "expiresAt": 10 }));
    assert_eq!(
        serde_json::from_value::<RefreshAnswer>(json!({ "expiresAt": 10 })).unwrap(),
        refreshed
    );
    let refused = RefreshAnswer::Refused(Refused {
        code: Code::AccountMismatch,
        message: "no".into(),
    });
    assert_eq!(
        to_value(refused).unwrap(),
        json!({ "code": "account_mismatch", "message": "no" })
    );

    let data = ConnectErrorData {
        detail: "later".into(),
        retryable: true,
        after_ms: None,
    };
    assert_eq!(
        to_value(data).unwrap(),
        json!({ "detail": "later", "retryable": true })
    );
}

#[test]
fn a_handshake_may_hold_more_than_we_know_but_not_other_types() {
    let good = [
        (None, None, None),
        (Some("{}"), None, None),
        (
            Some(r#"{"cursor":"\ud800","\udfff":1}"#),
            None,
            Some("\u{fffd}\u{fffd}\u{fffd}"),
        ),
        (Some(r#"{"token":"a","token":"b"}"#), Some("b"), None),
        (Some(r#" {"token":"t"}"#), Some("t"), None),
        (Some(r#"{"token":"t","cursor":null}"#), Some("t"), None),
        (
            Some(r#"{"token":"t","cursor":"made up"}"#),
            Some("t"),
            Some("made up"),
        ),
        (
            Some(r#"{"cursor":"c","theme":{"dark":[true]}}"#),
            None,
            Some("c"),
        ),
    ];
    for (json, token, cursor) in good {
        let handshake = Handshake::parse(json).unwrap_or_else(|error| panic!("{json:?}: {error}"));
        assert_eq!(
            (handshake.token.as_deref(), handshake.cursor.as_deref()),
            (token, cursor),
            "{json:?}"
        );
    }
    let bad = [
        "",
        "null",
        "[]",
        r#"["t"]"#,
        r#""t""#,
        "7",
        r#"{"token":null}"#,
        r#"{"token":7}"#,
        r#"{"token":["t"]}"#,
        r#"{"token":"t","cursor":7}"#,
        r#"{"token":"t","cursor":{}}"#,
        r#"{"token":"t""#,
        r#"{"token":"t"} x"#,
    ];
    for json in bad {
        let error = Handshake::parse(Some(json)).expect_err(json);
        assert_eq!(error.code, Code::BadHandshake, "{json}");
    }
    let deep = format!(
        r#"{{"token":"t","x":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(
        Handshake::parse(Some(&deep)).is_ok(),
        "what is ignored may be anything"
    );
}

#[test]
fn an_empty_token_is_a_missing_one() {
    for json in [None, Some("{}"), Some(r#"{"token":""}"#)] {
        assert_eq!(
            Handshake::parse(json).unwrap().token().unwrap_err().code,
            Code::TokenMissing
        );
    }
}

#[test]
fn a_refresh_is_an_object_with_a_token() {
    assert_eq!(Refresh::parse(r#"{"token":"t","x":1}"#).unwrap().token, "t");
    for json in ["null", r#"["t"]"#, r#""t""#, "{}", r#"{"token":1}"#] {
        assert_eq!(Refresh::parse(json).expect_err(json).code, Code::BadMessage);
    }
}

#[test]
fn tokens_do_not_show_in_debug_output() {
    let handshake = Handshake::parse(Some(r#"{"token":"s3cret"}"#)).unwrap();
    let refresh = Refresh::parse(r#"{"token":"s3cret"}"#).unwrap();
    let request = SocketAuthRequest::parse(br#"{"token":"s3cret"}"#).unwrap();
    assert!(!format!("{handshake:?}{refresh:?}{request:?}").contains("s3cret"));
}

#[test]
fn a_problem_is_rfc_9457_and_leaves_out_what_is_not_there() {
    let problem = Problem::new(Code::Invalid, "one field is wrong", "req-1");
    let sent = json!({ "type": "urn:forge-relay:problem:invalid", "title": "The request breaks the rules", "status": 422,
                       "detail": "one field is wrong", "code": "invalid", "requestId": "req-1" });
    assert_eq!(to_value(&problem).unwrap(), sent);

    let wrong = SessionId::parse("").unwrap_err().at("/sessionId");
    let problem = problem
        .with_errors(vec![wrong])
        .with_resync(ResyncReason::Trimmed, cursor());
    let sent = to_value(&problem).unwrap();
    assert_eq!(sent["errors"][0]["field"], "/sessionId");
    assert_eq!(sent["errors"][0].get("index"), None);
    assert_eq!(
        (&sent["reason"], &sent["cursor"]),
        (&json!("trimmed"), &json!("0000000000000abc-7"))
    );
    assert_eq!(serde_json::from_value::<Problem>(sent).unwrap(), problem);
}

#[test]
fn codes_are_snake_case_and_unique() {
    let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for code in Code::ALL {
        assert_eq!(to_value(code).unwrap(), code.as_str());
        assert!(
            code.as_str()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{code}"
        );
        assert!(
            code.http_status()
                .is_none_or(|status| (400..600).contains(&status)),
            "{code}"
        );
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), Code::ALL.len());
}

#[test]
fn a_token_request_says_all_that_is_wrong() {
    let request = TokenRequest::parse(br#"{"accountId":"a","sessionId":"s"}"#, 300).unwrap();
    assert_eq!(request.expires_in, None);
    let request =
        TokenRequest::parse(br#"{"accountId":"a","sessionId":"s","expiresIn":300}"#, 300).unwrap();
    assert_eq!(request.expires_in, Some(300));

    let cases = [
        (
            "{}",
            vec![("/accountId", "missing"), ("/sessionId", "missing")],
        ),
        (
            r#"{"accountId":"","sessionId":" ","expiresIn":0,"more":1}"#,
            vec![
                ("/more", "unknown"),
                ("/accountId", "length"),
                ("/sessionId", "format"),
                ("/expiresIn", "range"),
            ],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":301}"#,
            vec![("/expiresIn", "range")],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":1.5}"#,
            vec![("/expiresIn", "range")],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":-1}"#,
            vec![("/expiresIn", "range")],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":"60"}"#,
            vec![("/expiresIn", "wrong_type")],
        ),
        (
            r#"{"accountId":"a","sessionId":"s","expiresIn":null}"#,
            vec![("/expiresIn", "wrong_type")],
        ),
        ("[]", vec![("", "wrong_type")]),
    ];
    for (body, wrong) in cases {
        let Err(BodyError::Invalid(errors)) = TokenRequest::parse(body.as_bytes(), 300) else {
            panic!("{body}")
        };
        let errors: Vec<_> = errors
            .iter()
            .map(|e| (e.field.clone(), to_value(e.code).unwrap()))
            .collect();
        let wrong: Vec<_> = wrong
            .into_iter()
            .map(|(field, code)| (field.to_owned(), json!(code)))
            .collect();
        assert_eq!(errors, wrong, "{body}");
    }
    assert!(matches!(
        TokenRequest::parse(b"{", 300),
        Err(BodyError::BadJson { .. })
    ));
}
