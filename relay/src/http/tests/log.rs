use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use super::*;

thread_local! {
    /// What is logged on this thread, while somebody asks.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct OnThisThread;

impl Write for OnThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One for all tests of the process: subscribers that come and go on several threads leave the
/// interest of call sites in each other's state.
fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(|| OnThisThread)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing::callsite::rebuild_interest_cache();
    });
}

/// Everything that is logged at any level while `what` runs, as one JSON object a line.
async fn logged<F: Future<Output = ()>>(what: impl FnOnce() -> F) -> (String, Vec<Value>) {
    subscribe();
    LINES.set(Some(Vec::new()));
    what().await;
    let text = String::from_utf8(LINES.take().unwrap_or_default()).unwrap();
    let objects = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (text, objects)
}

#[tokio::test]
async fn each_request_has_one_line_and_no_line_has_a_secret_a_token_or_a_payload() {
    let token = mint(SECRET, NOW, 300, None);
    let mut setup = Setup::new();
    setup.apps[0].mint_tokens = true;
    let relay = setup.start();
    let mut ids = Vec::new();
    let (text, lines) = logged(async || {
        let mut body = event();
        body["payload"] = json!("a-payload-that-is-nobodys-business");
        let good = relay.publish("/events", body.to_string()).await;
        let bad = relay
            .publish(
                "/events",
                r#"{"payload":"a-payload-that-is-nobodys-business","#,
            )
            .await;
        let wrong = relay
            .post(
                "/events",
                &[("authorization", "Bearer a-wrong-secret")],
                "{}",
            )
            .await;
        let minting = json!({ "accountId": "acct-1", "sessionId": "abc-123" }).to_string();
        let minted = relay.publish("/tokens", minting).await;
        let checked = relay
            .post("/socket/auth", &[], json!({ "token": token }).to_string())
            .await;
        let tampered = relay
            .post(
                "/socket/auth",
                &[],
                json!({ "token": format!("{token}x") }).to_string(),
            )
            .await;
        let lost = relay.get(&format!("/{token}?token={token}")).await;
        let probe = relay.get("/healthz").await;
        for answer in [
            &good, &bad, &wrong, &minted, &checked, &tampered, &lost, &probe,
        ] {
            ids.push(answer.header("x-request-id").to_owned());
        }
    })
    .await;
    let expected = [
        (
            "INFO",
            "/events",
            202,
            None,
            Some("default"),
            Some("abc-123"),
        ),
        (
            "INFO",
            "/events",
            400,
            Some("bad_json"),
            Some("default"),
            None,
        ),
        ("INFO", "/events", 401, Some("unauthenticated"), None, None),
        (
            "INFO",
            "/tokens",
            200,
            None,
            Some("default"),
            Some("abc-123"),
        ),
        (
            "INFO",
            "/socket/auth",
            200,
            None,
            Some("default"),
            Some("abc-123"),
        ),
        (
            "INFO",
            "/socket/auth",
            401,
            Some("token_invalid"),
            None,
            None,
        ),
        ("INFO", "-", 404, Some("not_found"), None, None),
        ("DEBUG", "/healthz", 200, None, None, None),
    ];
    let lines: Vec<_> = lines
        .iter()
        .filter(|line| line["target"] == "forge_relay::request")
        .collect();
    assert_eq!(lines.len(), expected.len(), "{text}");
    for ((line, id), (level, route, status, code, app, session)) in
        lines.iter().zip(&ids).zip(expected)
    {
        let fields = &line["fields"];
        let text_of = |name: &str| fields[name].as_str().map(str::to_owned);
        assert_eq!(line["level"], level, "{line}");
        assert_eq!(fields["id"], **id, "{line}");
        assert_eq!(
            (&fields["route"], &fields["status"]),
            (&json!(route), &json!(status)),
            "{line}"
        );
        assert_eq!(text_of("code").as_deref(), code, "{line}");
        assert_eq!(text_of("app").as_deref(), app, "{line}");
        assert_eq!(text_of("session").as_deref(), session, "{line}");
        assert_eq!(fields["client"], "203.0.113.9", "{line}");
        assert!(fields["ms"].as_f64().unwrap() >= 0.0, "{line}");
    }
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        SECRET,
        OLD_SECRET,
        "a-wrong-secret",
        "nobodys-business",
        signature,
        "acct-1",
    ] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}
