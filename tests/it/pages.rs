//! Reading a session's log in pages, over a socket. What a request may ask is tested at the router.

use http::Method;
use serde_json::Value;

use crate::harness::http::Request;
use crate::harness::{Answer, App, Relay, Subscriber};

async fn page(relay: &Relay, session: &str, query: &str) -> Answer {
    let path = format!("/sessions/{session}/events{query}");
    let bearer = format!("Bearer {}", relay.app.secret);
    let request = Request::new(Method::GET, &path).header("authorization", &bearer);
    relay.http.send(request).await
}

fn numbers(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["payload"]["n"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn the_whole_log_is_read_page_by_page() {
    let relay = Relay::start();
    let receipts = relay.publish_range("s", 1, 950).await;
    let mut query = "?limit=500".to_owned();
    let mut all = Vec::new();
    loop {
        let page = page(&relay, "s", &query).await.expect(200).json();
        all.extend(numbers(&page));
        query = format!("?limit=500&after={}", page["cursor"].as_str().unwrap());
        if page["more"] == false {
            assert_eq!(page["cursor"], *receipts[949].cursor);
            break;
        }
    }
    assert_eq!(all, (1..=950).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_and_a_connection_go_on_from_each_others_cursors() {
    let relay = Relay::start();
    relay.publish_range("s", 1, 10).await;
    let first = page(&relay, "s", "?limit=4").await.expect(200).json();
    let token = relay.app.token("alice", "s");
    let cursor = first["cursor"].as_str().unwrap();
    let (mut client, ready) = Subscriber::resume(relay.address, &token, cursor).await;
    assert_eq!((ready.recovered, ready.replayed), (true, 6));
    client.expect_numbers(5, 7).await;
    let seventh = first["cursor"].as_str().unwrap().replace("-4", "-7");
    let rest = page(&relay, "s", &format!("?after={seventh}"))
        .await
        .expect(200)
        .json();
    assert_eq!(numbers(&rest), [8, 9, 10]);
}

#[tokio::test]
async fn a_read_keeps_an_idle_session_alive() {
    let relay = Relay::with("limits.idle_session = \"2s\"");
    let before = page(&relay, "s", "").await.expect(200).json();
    for _ in 0..8 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let now = page(&relay, "s", "").await.expect(200).json();
        assert_eq!(now["cursor"], before["cursor"]);
    }
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    let query = format!("?after={}", before["cursor"].as_str().unwrap());
    let gone = page(&relay, "s", &query)
        .await
        .expect_problem(410, "resync");
    assert_eq!(gone["reason"], "epoch_changed");
    let cursor = gone["cursor"].as_str().unwrap();
    let next = page(&relay, "s", &format!("?after={cursor}")).await;
    assert_eq!(next.expect(200).json()["cursor"], cursor);
}

#[tokio::test]
async fn a_stranger_reads_nothing() {
    let relay = Relay::start();
    relay.publish_range("s", 1, 1).await;
    let stranger = App::named("stranger");
    for (bearer, status, code) in [
        (stranger.secret.clone(), 401, "unauthenticated"),
        (stranger.token("alice", "s"), 401, "token_invalid"),
        (relay.app.token("alice", "other"), 403, "session_mismatch"),
    ] {
        let request = Request::new(Method::GET, "/sessions/s/events")
            .header("authorization", &format!("Bearer {bearer}"));
        relay.http.send(request).await.expect_problem(status, code);
    }
}
