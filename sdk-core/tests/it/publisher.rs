//! What a publisher does without I/O, held against what the relay's side of the contract makes of it.

use forge_relay_core::publisher::{Answer, Failure, Publisher, receipts};
use forge_relay_core::{Event, KeyRing, Rules, signature};
use serde_json::{Value, json};

const SECRET: &str = "a-secret-that-has-at-least-32-bytes";
const NOW_MS: i64 = 1_714_557_600_250;
const NOW: i64 = 1_714_557_600;

fn with(settings: &Value) -> Result<Publisher, Failure> {
    Publisher::new(settings.to_string().as_bytes())
}

fn publisher() -> Publisher {
    with(&json!({ "secret": SECRET })).unwrap()
}

fn fields(failure: &Failure) -> Vec<(Option<usize>, &str)> {
    let errors = failure.errors.iter();
    errors.map(|e| (e.index, e.field.as_str())).collect()
}

#[test]
fn wrong_settings_are_named_all_at_once_and_secrets_not_repeated() {
    let weak = "whsec_c2hvcnQ=";
    for (settings, wanted) in [
        (json!({}), vec!["/secret"]),
        (json!([]), vec![""]),
        (
            json!({ "secret": 5, "app": 6, "tokenSecret": null }),
            vec!["/secret", "/tokenSecret", "/app"],
        ),
        (json!({ "secret": weak }), vec!["/secret"]),
        (
            json!({ "secret": format!("{SECRET}, {weak}") }),
            vec!["/secret"],
        ),
        (
            json!({ "secret": format!("\"{SECRET}\"") }),
            vec!["/secret"],
        ),
        (json!({ "secret": " , " }), vec!["/secret"]),
        (
            json!({ "secret": SECRET, "tokenSecret": weak }),
            vec!["/tokenSecret"],
        ),
        (json!({ "secret": SECRET, "app": "a b" }), vec!["/app"]),
        (json!({ "secret": SECRET, "app": "" }), vec!["/app"]),
        (
            json!({ "secret": SECRET, "payloadBytes": -1 }),
            vec!["/payloadBytes"],
        ),
        (
            json!({ "secret": SECRET, "tokensecret": SECRET }),
            vec!["/tokensecret"],
        ),
    ] {
        let failure = with(&settings).unwrap_err();
        let found: Vec<&str> = fields(&failure)
            .into_iter()
            .map(|(_, field)| field)
            .collect();
        assert_eq!(found, wanted, "{settings}");
        assert_eq!(failure.code, "invalid");
        assert!(!failure.retryable);
        let said = failure.to_json();
        assert!(!said.contains(weak) && !said.contains(SECRET), "{said}");
    }
    assert!(
        with(&json!({ "secret": "x" }))
            .unwrap_err()
            .message
            .contains("needs 32")
    );
}

#[test]
fn an_event_is_completed_where_it_lacks_something_and_only_there() {
    let given = json!({ "sessionId": "s", "event": "e", "payload": null });
    let body = publisher()
        .complete(given.to_string().as_bytes(), "n-1", NOW_MS)
        .unwrap();
    let event = Event::parse(body.as_bytes(), &Rules::default(), NOW).unwrap();
    assert_eq!(event.nonce.as_str(), "n-1");
    assert_eq!(event.timestamp.as_str(), "2024-05-01T10:00:00.25Z");

    let own = json!({ "sessionId": "s", "event": "e", "payload": 1, "nonce": "own", "timestamp": "2024-05-01T12:00:00+02:00" });
    let body = publisher()
        .complete(own.to_string().as_bytes(), "n-1", NOW_MS)
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), own);

    let wrong = json!({ "sessionId": "s s", "payload": 1, "nonce": null, "timestamp": "2020-05-01T12:00:00Z", "x": 1 });
    let failure = publisher()
        .complete(wrong.to_string().as_bytes(), "n-1", NOW_MS)
        .unwrap_err();
    let wanted = ["/x", "/sessionId", "/event", "/nonce", "/timestamp"].map(|field| (None, field));
    assert_eq!(fields(&failure), wanted);
}

#[test]
fn a_batch_is_completed_by_index_and_refused_with_every_error() {
    let good = json!([{ "sessionId": "s", "event": "e", "payload": 1 }, { "sessionId": "s", "event": "e", "payload": 2, "nonce": "own" }]);
    let body = publisher()
        .complete_batch(good.to_string().as_bytes(), "n", NOW_MS)
        .unwrap();
    let events = Event::parse_batch(body.as_bytes(), &Rules::default(), NOW).unwrap();
    let nonces: Vec<&str> = events.iter().map(|event| event.nonce.as_str()).collect();
    assert_eq!(nonces, ["n-0", "own"]);

    let bad = json!([{ "sessionId": "s", "event": "e", "payload": 1 }, 5, { "event": "relay.x", "payload": 1 }]);
    let failure = publisher()
        .complete_batch(bad.to_string().as_bytes(), "n", NOW_MS)
        .unwrap_err();
    assert_eq!(
        fields(&failure),
        [(Some(1), ""), (Some(2), "/sessionId"), (Some(2), "/event")]
    );
    for wrong in [json!([]), json!({}), Value::Array(vec![json!({}); 101])] {
        let failure = publisher()
            .complete_batch(wrong.to_string().as_bytes(), "n", NOW_MS)
            .unwrap_err();
        assert_eq!(fields(&failure), [(None, "")], "{wrong}");
    }
}

#[test]
fn an_event_stamped_anew_is_the_same_event() {
    let given = r#"{"sessionId":"s","event":"e","payload":{"b":1.00,"a":"\u00e9"}}"#;
    let body = publisher()
        .complete(given.as_bytes(), "n-1", NOW_MS)
        .unwrap();
    let later = publisher()
        .restamp(body.as_bytes(), NOW_MS + 86_400_000)
        .unwrap();
    let rules = Rules::default();
    let event = Event::parse(body.as_bytes(), &rules, NOW).unwrap();
    let again = Event::parse(later.as_bytes(), &rules, NOW + 86_400).unwrap();
    assert_eq!(event.nonce, again.nonce);
    assert_eq!(event.fingerprint(), again.fingerprint());
    assert_ne!(event.timestamp, again.timestamp);
    assert!(publisher().restamp(b"{}", NOW_MS).is_err());
}

#[test]
fn headers_are_those_that_a_relay_verifies() {
    let publisher = with(&json!({ "secret": format!("{SECRET} an-older-secret-of-32-bytes-or-more-x"), "app": "poker" })).unwrap();
    let headers = publisher.headers(b"{}", "msg_1", NOW);
    let sent = signature::Headers {
        id: Some(headers.webhook_id),
        timestamp: Some(&headers.webhook_timestamp),
        signature: Some(&headers.webhook_signature),
    };
    let relay = KeyRing::parse(SECRET).unwrap();
    assert_eq!(signature::verify(&relay, sent, b"{}", NOW, 300), Ok(()));
    let names = serde_json::to_value(&headers).unwrap();
    let mut names: Vec<&String> = names.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        [
            "content-type",
            "relay-app",
            "webhook-id",
            "webhook-signature",
            "webhook-timestamp"
        ]
    );
}

#[test]
fn a_minted_token_verifies_with_the_token_secret_for_the_app() {
    let other = "another-secret-that-has-32-bytes-or-more";
    let minting = with(&json!({ "secret": SECRET, "tokenSecret": other, "app": "poker" })).unwrap();
    let minted = minting
        .mint(
            br#"{"accountId":"a","sessionId":"s","expiresIn":60}"#,
            "j",
            NOW,
        )
        .unwrap();
    assert_eq!(minted.expires_at, NOW + 60);
    let claims = minting.verify(&minted.token, NOW).unwrap();
    assert_eq!(
        (claims.sub.as_str(), claims.iss.as_deref()),
        ("a", Some("poker"))
    );

    let expired = minting.verify(&minted.token, NOW + 71).unwrap_err();
    assert_eq!((&*expired.code, expired.retryable), ("token_expired", true));
    assert_eq!(
        publisher().verify(&minted.token, NOW).unwrap_err().code,
        "token_invalid"
    );
    let elsewhere = with(&json!({ "secret": other, "app": "other" })).unwrap();
    assert_eq!(
        elsewhere.verify(&minted.token, NOW).unwrap_err().code,
        "token_invalid"
    );

    let wrong = json!({ "accountId": "", "sessionId": 5, "expiresIn": 301, "expires": 1 });
    let failure = minting
        .mint(wrong.to_string().as_bytes(), "j", NOW)
        .unwrap_err();
    let wanted = ["/expires", "/accountId", "/sessionId", "/expiresIn"].map(|field| (None, field));
    assert_eq!(fields(&failure), wanted);
}

#[test]
fn answers_say_whether_to_ask_again_and_whether_it_may_be_in_the_log() {
    let receipt = json!({ "id": "i", "sessionId": "s", "seq": 1, "cursor": "0000000000000001-1", "duplicate": false });
    let problem = |code: &str, detail: &str| {
        json!({ "type": "t", "title": "t", "status": 0, "code": code, "detail": detail, "requestId": "r" }).to_string()
    };
    let ok = Answer {
        status: 202,
        ..Answer::default()
    };
    assert_eq!(
        receipts(&ok, receipt.to_string().as_bytes(), None)
            .unwrap()
            .len(),
        1
    );
    let two = json!({ "receipts": [receipt, receipt] }).to_string();
    assert_eq!(receipts(&ok, two.as_bytes(), Some(2)).unwrap().len(), 2);

    let html = "<!doctype html><html>".to_owned();
    let cut = receipt.to_string()[..20].to_owned();
    let (again, never, perhaps, no) = (true, false, true, false);
    for (status, forge, body, batch, code, retryable, may_be_in_log) in [
        (202, None, two, Some(3), "not_a_relay", again, perhaps),
        (202, None, cut, None, "not_a_relay", again, perhaps),
        (202, None, html.clone(), None, "not_a_relay", again, perhaps),
        (200, None, html.clone(), None, "not_a_relay", never, no),
        (301, None, String::new(), None, "not_a_relay", never, no),
        (404, None, html.clone(), None, "not_a_relay", never, no),
        (
            404,
            None,
            problem("not_found", "d"),
            None,
            "not_found",
            never,
            no,
        ),
        (
            401,
            None,
            problem("signature_invalid", "d"),
            None,
            "signature_invalid",
            never,
            no,
        ),
        (
            409,
            None,
            problem("nonce_conflict", "d"),
            None,
            "nonce_conflict",
            never,
            no,
        ),
        (
            418,
            None,
            problem("a_newer_code", "d"),
            None,
            "a_newer_code",
            never,
            no,
        ),
        (
            408,
            None,
            problem("request_timeout", "d"),
            None,
            "request_timeout",
            again,
            no,
        ),
        (
            429,
            None,
            problem("rate_limited", "d"),
            None,
            "rate_limited",
            again,
            no,
        ),
        (429, None, html.clone(), None, "rate_limited", again, no),
        (
            503,
            None,
            problem("unavailable", "d"),
            None,
            "unavailable",
            again,
            no,
        ),
        (
            503,
            None,
            problem("a_newer_code", "d"),
            None,
            "a_newer_code",
            again,
            no,
        ),
        (
            500,
            None,
            problem("server_error", "d"),
            None,
            "server_error",
            again,
            perhaps,
        ),
        (502, None, html.clone(), None, "bad_gateway", again, perhaps),
        (503, None, html.clone(), None, "bad_gateway", again, perhaps),
        (
            504,
            None,
            String::new(),
            None,
            "bad_gateway",
            again,
            perhaps,
        ),
        (
            429,
            Some("FETCH_LIMIT_EXCEEDED"),
            String::new(),
            None,
            "rate_limited",
            again,
            no,
        ),
        (
            403,
            Some("BLOCKED_EGRESS"),
            String::new(),
            None,
            "egress_blocked",
            never,
            no,
        ),
        (
            502,
            Some("UPSTREAM"),
            String::new(),
            None,
            "bad_gateway",
            again,
            perhaps,
        ),
    ] {
        let answer = Answer {
            status,
            retry_after: Some("7".to_owned()),
            forge_proxy_error: forge.map(str::to_owned),
            location: None,
        };
        let failure = receipts(&answer, body.as_bytes(), batch).unwrap_err();
        let found = (&*failure.code, failure.retryable, failure.may_be_in_log);
        assert_eq!(
            found,
            (code, retryable, may_be_in_log),
            "{status} {forge:?} {body}"
        );
        assert_eq!(failure.status, Some(status));
    }
}

#[test]
fn a_problem_is_passed_on_with_its_fields_its_request_and_the_time_to_wait() {
    let body = json!({
        "code": "rate_limited", "detail": "publish less often", "requestId": "req-1",
        "errors": [{ "index": 1, "field": "/nonce", "code": "nonce_conflict", "message": "m" }, { "field": 5 }],
    });
    let answer = Answer {
        status: 429,
        retry_after: Some("12".to_owned()),
        ..Answer::default()
    };
    let failure = receipts(&answer, body.to_string().as_bytes(), Some(2)).unwrap_err();
    assert_eq!(failure.message, "publish less often");
    assert_eq!(failure.retry_after, Some(12));
    assert_eq!(failure.request_id.as_deref(), Some("req-1"));
    assert_eq!(fields(&failure), [(Some(1), "/nonce")]);
    for date in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "99999999999", ""] {
        let answer = Answer {
            status: 503,
            retry_after: Some(date.to_owned()),
            ..Answer::default()
        };
        assert_eq!(receipts(&answer, b"", None).unwrap_err().retry_after, None);
    }
}
