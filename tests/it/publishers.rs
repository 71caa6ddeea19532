//! Who may publish: signed, rotated, bearer, and nobody else.

use serde_json::json;

use crate::harness::app::{Receipt, fresh, secret_of, sign};
use crate::harness::http::Request;
use crate::harness::{App, EventText, Relay, Subscriber, now};

fn event() -> String {
    EventText::new("s").to_string()
}

#[tokio::test]
async fn signed_and_bearer_publish() {
    let relay = Relay::start();
    Receipt::of(&relay.http.send(relay.app.signed("/events", event())).await);
    Receipt::of(&relay.http.send(relay.app.bearer("/events", event())).await);
}

#[tokio::test]
async fn every_key_of_a_rotation_publishes() {
    let (old, new) = (App::named("old"), App::named("new"));
    let relay = Relay::with_secret(&format!("{},{}", new.secret, old.secret), "");
    for app in [&old, &new] {
        Receipt::of(&relay.http.send(app.signed("/events", event())).await);
        Receipt::of(&relay.http.send(app.bearer("/events", event())).await);
    }
    // A publisher in the middle of its own rotation signs with both; one of them being known is enough.
    let (stranger, body) = (App::named("stranger"), event());
    let request = new.signed("/events", body.clone());
    let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
    let both = [
        sign(&stranger.key(), &id, now(), body.as_bytes()),
        sign(&new.key(), &id, now(), body.as_bytes()),
    ];
    let request = request
        .header("webhook-timestamp", &now().to_string())
        .header("webhook-signature", &both.join(" "));
    Receipt::of(&relay.http.send(request).await);
}

#[tokio::test]
async fn a_secret_without_prefix_signs_with_its_text() {
    let app = App {
        id: "default",
        secret: "a plain text secret of more than 32 bytes".replace(' ', "-"),
    };
    let relay = Relay::with_secret(&app.secret, "");
    Receipt::of(&relay.http.send(app.signed("/events", event())).await);
    Receipt::of(&relay.http.send(app.bearer("/events", event())).await);
}

#[tokio::test]
async fn whoever_cannot_prove_it_is_refused_with_the_right_code() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let (app, stranger) = (&relay.app, App::named("stranger"));
    let good = || app.signed("/events", event());
    let unsigned = || {
        Request::post("/events")
            .header("content-type", "application/json")
            .body(event())
    };
    let bearer = |value: &str| unsigned().header("authorization", value);

    for (what, code, request) in [
        ("nothing", "unauthenticated", unsigned()),
        (
            "another key",
            "signature_invalid",
            stranger.signed("/events", event()),
        ),
        ("another body", "signature_invalid", good().body(event())),
        (
            "another id",
            "signature_invalid",
            good().header("webhook-id", "msg_other"),
        ),
        (
            "another time",
            "signature_invalid",
            good().header("webhook-timestamp", &(now() - 7).to_string()),
        ),
        (
            "a stale time",
            "signature_expired",
            app.signed_at("/events", event(), now() - 310),
        ),
        (
            "a future time",
            "signature_expired",
            app.signed_at("/events", event(), now() + 310),
        ),
        (
            "no time",
            "unauthenticated",
            good().without("webhook-timestamp"),
        ),
        ("no id", "unauthenticated", good().without("webhook-id")),
        (
            "no signature",
            "unauthenticated",
            good().without("webhook-signature"),
        ),
        (
            "a time in words",
            "signature_invalid",
            good().header("webhook-timestamp", "yesterday"),
        ),
        (
            "a signature of no version",
            "signature_invalid",
            good().header("webhook-signature", "abc"),
        ),
        (
            "an empty signature",
            "signature_invalid",
            good().header("webhook-signature", "v1,"),
        ),
        (
            "another bearer",
            "unauthenticated",
            bearer(&format!("Bearer {}", stranger.secret)),
        ),
        ("an empty bearer", "unauthenticated", bearer("Bearer ")),
        ("basic", "unauthenticated", bearer("Basic dXNlcjpwYXNz")),
        (
            "a subscriber's token",
            "unauthenticated",
            bearer(&format!("Bearer {}", app.token("alice", "s"))),
        ),
    ] {
        let answer = relay.http.send(request).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), problem["code"].as_str()),
            (401, Some(code)),
            "{what}: {problem}"
        );
        answer.expect_problem(401, code);
        assert!(!answer.text().contains(&app.secret), "{what}");
    }
    client.expect_silence().await;
}

#[tokio::test]
async fn a_captured_request_delivers_nothing_new() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let captured = relay.app.signed("/events", event());
    let first = Receipt::of(&relay.http.send(captured.clone()).await);
    let again = Receipt::of(&relay.http.send(captured).await);
    assert_eq!(
        again,
        Receipt {
            duplicate: true,
            ..first.clone()
        }
    );
    assert_eq!(client.expect_event().await.id, first.id);
    client.expect_silence().await;
}

#[tokio::test]
async fn an_app_can_turn_bearer_off() {
    let relay = Relay::with("bearer = false");
    relay
        .http
        .send(relay.app.bearer("/events", event()))
        .await
        .expect_problem(403, "bearer_disabled");
    Receipt::of(&relay.http.send(relay.app.signed("/events", event())).await);
}

#[tokio::test]
async fn where_several_apps_are_served_a_publisher_names_its_own() {
    let (red, blue) = (App::named("red"), App::named("blue"));
    let relay = Relay::serving(&[red.clone(), blue.clone()], "");
    let send = |request: Request| relay.http.send(request);
    send(red.signed("/events", event()))
        .await
        .expect_problem(400, "app_required");
    send(red.signed("/events", event()).header("relay-app", "green"))
        .await
        .expect_problem(401, "app_unknown");
    send(red.signed("/events", event()).header("relay-app", "blue"))
        .await
        .expect_problem(401, "signature_invalid");
    send(red.bearer("/events", event()).header("relay-app", "blue"))
        .await
        .expect_problem(401, "unauthenticated");
    Receipt::of(&send(red.signed("/events", event()).header("relay-app", "red")).await);
    Receipt::of(&send(blue.bearer("/events", event()).header("relay-app", "blue")).await);
}

#[tokio::test]
async fn token_keys_of_their_own_sign_no_events() {
    let tokens = App {
        id: "default",
        secret: secret_of("tokens"),
    };
    let relay = Relay::with(&format!("token_secret = {:?}", tokens.secret));
    relay
        .http
        .send(tokens.signed("/events", event()))
        .await
        .expect_problem(401, "signature_invalid");
    relay
        .http
        .send(tokens.bearer("/events", event()))
        .await
        .expect_problem(401, "unauthenticated");
    Subscriber::join(relay.address, &tokens.token("alice", "s")).await;
    let auth = json!({ "token": relay.app.token("alice", "s") });
    assert_eq!(
        Subscriber::refused(relay.address, &auth).await.0,
        "token_invalid"
    );
}

#[tokio::test]
async fn the_requests_id_is_not_the_nonce() {
    let relay = Relay::start();
    let id = format!("msg_{}", fresh());
    let send = |body: String| {
        let signature = sign(&relay.app.key(), &id, now(), body.as_bytes());
        let request = relay.app.signed("/events", body).header("webhook-id", &id);
        let request = request.header("webhook-timestamp", &now().to_string());
        relay
            .http
            .send(request.header("webhook-signature", &signature))
    };
    let first = Receipt::of(&send(event()).await);
    let second = Receipt::of(&send(event()).await);
    assert_eq!((first.seq, second.seq), (1, 2));
}
