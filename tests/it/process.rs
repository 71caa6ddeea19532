//! What only a process does: exit codes, signals, logs.

use std::time::{Duration, Instant};

use crate::harness::process::{RelayProcess, command};
use crate::harness::{App, EventText, Http, Subscriber, within};

async fn output(words: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = within("the command", command(words, variables).output())
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn without_a_secret_it_refuses_to_start_and_says_how_to_make_one() {
    let (code, text) = output(&["serve"], &[]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("forge-relay keys new"), "{text}");
}

#[tokio::test]
async fn a_weak_secret_is_refused_and_not_shown() {
    let (code, text) = output(&["serve"], &[("RELAY_SECRET", "hunter2hunter2")]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn every_problem_of_the_configuration_is_told_at_once() {
    let secret = App::new().secret;
    let variables = [
        ("RELAY_SECRET", secret.as_str()),
        ("RELAY_BIND", "nowhere"),
        ("RELAY_LIMITS_PAYLOAD", "much"),
    ];
    let (code, text) = output(&["serve"], &variables).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("RELAY_BIND") && text.contains("RELAY_LIMITS_PAYLOAD"),
        "{text}"
    );
}

#[tokio::test]
async fn redis_is_refused_until_it_is_built() {
    let secret = App::new().secret;
    let (code, text) = output(
        &["serve"],
        &[
            ("RELAY_SECRET", &secret),
            ("RELAY_REDIS_URL", "redis://127.0.0.1"),
        ],
    )
    .await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.to_lowercase().contains("redis"), "{text}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_no_crash() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let secret = App::new().secret;
    let (code, text) = output(
        &["serve"],
        &[("RELAY_SECRET", &secret), ("RELAY_BIND", &address)],
    )
    .await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&address), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[tokio::test]
async fn a_signal_ends_it_well_and_its_clients_are_told() {
    for signal in ["TERM", "INT"] {
        let app = App::new();
        let mut relay = RelayProcess::serve(&[
            ("RELAY_SECRET", &app.secret),
            ("RELAY_LIMITS_DRAIN", "200ms"),
        ]);
        let address = relay.address().await;
        let (mut client, _) = Subscriber::join(address, &app.token("alice", "s")).await;
        relay.signal(signal).await;
        assert_eq!(client.expect_bye().await.code, "draining");
        assert_eq!(relay.ended().await.code(), Some(0), "{}", relay.log());
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let app = App::new();
    let mut relay =
        RelayProcess::serve(&[("RELAY_SECRET", &app.secret), ("RELAY_LIMITS_DRAIN", "60s")]);
    let address = relay.address().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Subscriber::join(address, &app.token("alice", "s")).await.0);
    }
    relay.signal("TERM").await;
    let http = Http::new(address);
    crate::harness::wait::until("the drain", || async {
        (http.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    let start = Instant::now();
    relay.signal("TERM").await;
    assert_eq!(relay.ended().await.code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn no_secret_token_or_payload_is_in_the_log_at_any_level() {
    let app = App::new();
    let relay = RelayProcess::serve(&[("RELAY_SECRET", &app.secret), ("RELAY_LOG", "trace")]);
    let address = relay.address().await;
    let http = Http::new(address);
    let token = app.token("alice", "session-in-the-log");
    let (mut client, _) = Subscriber::join(address, &token).await;
    let event = EventText::new("session-in-the-log").with("payload", "a-payload-nobody-logs");
    app.publish(&http, &event).await;
    client.expect_event().await;
    http.send(app.bearer("/events", event.clone().renewed().to_string()))
        .await
        .expect(202);
    client.expect_event().await;
    http.send(app.signed("/events", event.with("nonce", "").to_string()))
        .await
        .expect(422);
    let fresh = app.token("alice", "session-in-the-log");
    client
        .ask("relay:refresh", &serde_json::json!({ "token": fresh }))
        .await;
    Subscriber::refused(
        address,
        &serde_json::json!({ "token": format!("{token}x") }),
    )
    .await;
    client.leave().await;

    let log = crate::harness::wait::until("the log", || async {
        let log = relay.log();
        log.contains("422").then_some(log)
    })
    .await;
    assert!(
        log.contains("session-in-the-log"),
        "a request's line names its session"
    );
    let encoded = app.secret.trim_start_matches("whsec_");
    let signature = token.rsplit_once('.').unwrap().1;
    for (what, kept) in [
        ("secret", encoded),
        ("token", token.as_str()),
        ("signature of the token", signature),
        ("refreshed token", fresh.as_str()),
        ("payload", "a-payload-nobody-logs"),
    ] {
        assert!(!log.contains(kept), "the {what} is in the log");
    }
}
