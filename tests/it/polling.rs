//! HTTP long polling by hand: what a client may say, what it is answered, and that it leaves nothing behind.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::http::Request;
use crate::harness::polling::{SEPARATOR, expect_error, packets};
use crate::harness::{Answer, EventText, Http, Poller, Relay, Said, Subscriber, now, within};

const ALLOWED: &str = "https://abc.cdn.prod.atlassian-dev.net";
const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

async fn poller(relay: &Relay) -> Poller {
    Poller::join(relay.address, &relay.app.token("alice", "s"))
        .await
        .0
}

async fn asked(relay: &Relay, method: Method, path: &str) -> Answer {
    relay.http.send(Request::new(method, path)).await
}

/// A request written by hand, so that its body can come slowly, or never.
async fn written(relay: &Relay, head: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    let head = format!("{head}\r\nhost: relay\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// What was answered, up to the end of the connection.
async fn answered(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = within("the end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

// ---- the conversation ----

#[tokio::test]
async fn one_that_polls_connects_receives_and_is_told_the_same_bytes() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (mut socket, _) = Subscriber::join(relay.address, &token).await;
    let mut poller = Poller::open(relay.address).await;
    assert_eq!(poller.open["upgrades"], json!(["websocket"]));
    assert_eq!(poller.open["maxPayload"], 16 * 1024);
    poller
        .say(&format!("40{}", json!({ "token": token })))
        .await;
    let ready = poller.expect_ready().await;
    assert_eq!((ready.recovered, ready.replayed), (false, 0));

    // Numbers, escapes and key order as they were sent, and what looks like the end of a packet is none.
    let payload = r#"{"b":1.10e+02,"a":"\u001e\u00e9é \\ \"","z":[null]}"#;
    for n in 0..3 {
        let event = EventText::new("s").with("payload", n).to_string();
        let event = event.replace(
            &format!("\"payload\":{n}"),
            &format!("\"payload\":{payload}"),
        );
        let answer = relay.http.send(relay.app.signed("/events", event)).await;
        answer.expect(202);
    }
    let mut polled = Vec::new();
    while polled.len() < 3 {
        polled.extend(packets(&poller.poll().await));
    }
    for packet in polled {
        assert!(packet.contains(payload), "{packet}");
        assert_eq!(packet, socket.next_text().await);
    }
}

#[tokio::test]
async fn one_that_comes_back_has_the_five_hundred_it_missed_over_several_payloads() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (poller, ready) = Poller::join(relay.address, &token).await;
    drop(poller);
    let text = "x".repeat(400);
    for from in (1..=500).step_by(100) {
        let batch: Vec<Value> = (from..from + 100)
            .map(|n| {
                EventText::new("s")
                    .with("payload", json!({ "n": n, "text": text }))
                    .0
            })
            .collect();
        let batch = Value::from(batch).to_string();
        relay
            .http
            .send(relay.app.signed("/events/batch", batch))
            .await
            .expect(202);
    }
    let auth = json!({ "token": token, "cursor": ready.cursor });
    let (mut back, ready) = Poller::join_with(relay.address, &auth).await;
    assert_eq!((ready.recovered, ready.replayed), (true, 500));
    back.expect_numbers(1, 500).await;
    // 300 KB do not come in one piece.
    let mut largest = 0;
    let (mut again, _) = Poller::join_with(relay.address, &auth).await;
    let mut seen = 0;
    while let Some(said) = again.next_unread() {
        assert!(matches!(said, Said::Event { .. }));
        seen += 1;
    }
    while seen < 500 {
        let answer = again.poll().await;
        largest = largest.max(answer.body.len());
        seen += packets(&answer).len();
    }
    assert_eq!(seen, 500);
    assert!(largest <= 64 * 1024, "{largest}");
}

#[tokio::test]
async fn one_whose_place_is_gone_is_told_to_resync() {
    let relay = Relay::with("limits.log_events = 10");
    let token = relay.app.token("alice", "s");
    let (mut poller, ready) = Poller::join(relay.address, &token).await;
    relay.publish_range("s", 1, 50).await;
    let resync: Value = poller.expect("relay:resync").await;
    assert_eq!(resync["reason"], "fell_behind");
    relay.publish_range("s", 51, 52).await;
    poller.expect_numbers(51, 52).await;
    let auth = json!({ "token": token, "cursor": ready.cursor });
    let (mut back, ready) = Poller::join_with(relay.address, &auth).await;
    assert!(!ready.recovered);
    let resync: Value = back.expect("relay:resync").await;
    assert_eq!(resync["reason"], "trimmed");
}

#[tokio::test]
async fn an_event_larger_than_a_payload_comes_alone() {
    let relay = Relay::with("limits.payload = \"200KiB\"\nlimits.event_body = \"256KiB\"");
    let mut poller = poller(&relay).await;
    for n in 1..=3 {
        let payload = json!({ "n": n, "text": "x".repeat(150_000) });
        relay
            .publish(&EventText::new("s").with("payload", payload))
            .await;
    }
    poller.expect_numbers(1, 3).await;
}

#[tokio::test]
async fn a_refresh_is_acknowledged_and_changes_the_end() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let newer = relay.app.token("alice", "s");
    poller
        .say(&format!(
            "427{}",
            json!(["relay:refresh", { "token": newer }])
        ))
        .await;
    poller
        .say(&format!(
            "428{}",
            json!(["relay:refresh", { "token": "garbage" }])
        ))
        .await;
    let mut poller = poller;
    let Said::Ack { id: 7, data } = poller.next().await else {
        panic!("not acknowledged")
    };
    assert!(data["expiresAt"].is_i64(), "{data}");
    let Said::Ack { id: 8, data } = poller.next().await else {
        panic!("not acknowledged")
    };
    assert_eq!(data["code"], "token_invalid");
}

#[tokio::test]
async fn several_packets_in_one_message_are_taken_in_order() {
    let relay = Relay::start();
    let mut poller = Poller::open(relay.address).await;
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let ask = json!(["nobody-knows-this", null]);
    poller
        .say(&format!("40{auth}{SEPARATOR}421{ask}{SEPARATOR}422{ask}"))
        .await;
    poller.expect_ready().await;
    for wanted in [1, 2] {
        assert!(matches!(poller.next().await, Said::Ack { id, .. } if id == wanted));
    }
}

#[tokio::test]
async fn an_ended_token_says_bye() {
    let relay = Relay::with("limits.token_leeway = \"0s\"");
    let token = relay
        .app
        .token_text("alice", "s")
        .expires_in(2)
        .signed(&relay.app.key());
    let (mut poller, _) = Poller::join(relay.address, &token).await;
    let expiring: Value = poller.expect("relay:expiring").await;
    assert!(expiring["inSeconds"].as_i64().unwrap() <= 2);
    let bye = poller.expect_bye().await;
    assert_eq!((bye.code.as_str(), bye.reconnect), ("token_expired", true));
    poller.expect_gone().await;
}

#[tokio::test]
async fn one_that_breaks_the_rules_is_told_and_is_not_to_come_back() {
    let relay = Relay::start();
    for wrong in [
        "garbage",
        "",
        "42[\"relay:refresh\"",
        "2",
        "2probe",
        "40{}",
        "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
        "bAQIDBA==",
        "b!!!!",
        "\u{1e}\u{1e}",
    ] {
        let mut poller = poller(&relay).await;
        let answer = poller.post(wrong).await;
        if wrong.is_empty() {
            answer.expect(200); // nothing was said
            continue;
        }
        if wrong.starts_with('4') || wrong == "bAQIDBA==" {
            answer.expect(200); // it was brought; that it is wrong is said with the next poll
        } else {
            expect_error(&answer, 400, 3);
        }
        let bye = poller.expect_bye().await;
        assert_eq!(
            (bye.code.as_str(), bye.reconnect),
            ("bad_message", false),
            "{wrong}"
        );
        poller.expect_gone().await;
    }
    // Nor is it understood before it is let in.
    let mut stranger = Poller::open(relay.address).await;
    expect_error(&stranger.post(vec![0xff, 0xfe, b'4']).await, 400, 3);
    assert_eq!(stranger.next().await, Said::Closed { code: None });
}

#[tokio::test]
async fn whoever_is_refused_learns_why() {
    let relay = Relay::start();
    let expired = relay
        .app
        .token_text("alice", "s")
        .with("iat", now() - 100)
        .with("exp", now() - 60)
        .signed(&relay.app.key());
    for (auth, code) in [
        (json!({ "token": "garbage" }), "token_invalid"),
        (json!({ "token": expired }), "token_expired"),
        (json!({}), "token_missing"),
        (json!({ "token": 7 }), "bad_handshake"),
    ] {
        let mut poller = Poller::open(relay.address).await;
        poller.say(&format!("40{auth}")).await;
        match poller.next().await {
            Said::Refused { message, data } => {
                assert_eq!(message, code, "{data}");
            }
            other => panic!("not refused: {other:?}"),
        }
        assert_eq!(poller.next().await, Said::Closed { code: None });
        poller.expect_gone().await;
    }
    let mut poller = Poller::open_as(relay.address, Some("https://evil.example")).await;
    let auth = json!({ "token": relay.app.token("alice", "s") });
    poller.say(&format!("40{auth}")).await;
    assert!(
        matches!(poller.next().await, Said::Refused { message, .. } if message == "origin_denied")
    );
}

// ---- requests ----

#[tokio::test]
async fn a_request_that_cannot_be_meant_gets_the_protocols_own_error() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let sid = &poller.sid;
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let long = "A".repeat(5_000);
    for (method, query, code) in [
        (Method::GET, "", 0),
        (Method::GET, "EIO=4", 0),
        (Method::GET, "EIO=4&transport=carrier-pigeon", 0),
        (
            Method::GET,
            &format!("EIO=4&transport=polling&sid={unknown}"),
            1,
        ),
        (
            Method::POST,
            &format!("EIO=4&transport=polling&sid={unknown}"),
            1,
        ),
        (Method::GET, "EIO=4&transport=polling&sid=", 1),
        (Method::GET, "EIO=4&transport=polling&sid=%00..%2f", 1),
        (
            Method::GET,
            &format!("EIO=4&transport=polling&sid={long}"),
            1,
        ),
        (Method::POST, "EIO=4&transport=polling", 2),
        (Method::PUT, "EIO=4&transport=polling", 2),
        (
            Method::PUT,
            &format!("EIO=4&transport=polling&sid={sid}"),
            2,
        ),
        (
            Method::DELETE,
            &format!("EIO=4&transport=polling&sid={sid}"),
            2,
        ),
        (
            Method::PATCH,
            &format!("EIO=4&transport=polling&sid={sid}"),
            2,
        ),
        (
            Method::GET,
            &format!("EIO=3&transport=polling&sid={sid}"),
            5,
        ),
        (Method::GET, "EIO=3&transport=polling", 5),
        (Method::GET, "EIO=5&transport=polling", 5),
        (Method::GET, "transport=polling", 5),
        (Method::GET, "EIO=3&transport=websocket", 5),
    ] {
        let answer = asked(&relay, method.clone(), &format!("/socket.io/?{query}")).await;
        expect_error(&answer, 400, code);
    }
    // None of it did the connection harm.
    relay.publish_range("s", 1, 1).await;
    let mut poller = poller;
    poller.expect_numbers(1, 1).await;
}

#[tokio::test]
async fn two_polls_end_the_connection() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    let first = poller.begin_poll().await;
    let second = Http::new(relay.address).get(&poller.path()).await;
    expect_error(&second, 400, 3);
    let first = within("the first poll", first).await.unwrap();
    poller.take(&first);
    assert_eq!(poller.next().await, Said::Closed { code: None });
    poller.expect_gone().await;
    relay.metric_is("connected_clients", 0.0).await;
}

#[tokio::test]
async fn a_poll_that_is_sent_again_ends_the_connection() {
    let relay = Relay::start();
    let token = relay.app.token("alice", "s");
    let (poller, ready) = Poller::join(relay.address, &token).await;
    relay.publish_range("s", 1, 3).await;
    let poll = |stamp: &str| format!("{}&t={stamp}", poller.path());
    for (stamp, event) in [("P1.0", 4), ("P1.1", 5)] {
        let answer = relay.http.get(&poll(stamp)).await;
        answer.expect(200);
        relay.publish_range("s", event, event).await;
    }
    // Its answer was lost between the relay and the client: what it had must not be skipped.
    let answer = relay.http.get(&poll("P1.0")).await;
    expect_error(&answer, 400, 3);
    poller.expect_gone().await;
    relay.metric_is("connected_clients", 0.0).await;
    let auth = json!({ "token": token, "cursor": ready.cursor });
    let (mut back, ready) = Poller::join_with(relay.address, &auth).await;
    assert_eq!((ready.recovered, ready.replayed), (true, 5));
    back.expect_numbers(1, 5).await;
}

#[tokio::test]
async fn two_posts_end_the_connection() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    let slow = written(
        &relay,
        &format!("POST {} HTTP/1.1\r\ncontent-length: 10", poller.path()),
        b"42",
    )
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    expect_error(&poller.post("3").await, 400, 3);
    assert_eq!(poller.next().await, Said::Closed { code: None });
    poller.expect_gone().await;
    drop(slow);
    relay.metric_is("connected_clients", 0.0).await;
}

#[tokio::test]
async fn a_poll_and_a_post_may_overlap() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    let poll = poller.begin_poll().await;
    poller.say("421[\"x\",null]").await;
    let answer = within("the poll", poll).await.unwrap();
    poller.take(&answer);
    assert!(matches!(poller.next().await, Said::Ack { id: 1, .. }));
}

#[tokio::test]
async fn a_poll_given_up_ends_the_connection() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    relay.metric_is("connected_clients", 1.0).await;
    let poll = written(&relay, &format!("GET {} HTTP/1.1", poller.path()), b"").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(poll);
    relay.metric_is("connected_clients", 0.0).await;
    poller.expect_gone().await;
}

#[tokio::test]
async fn a_post_given_up_ends_the_connection() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let head = format!("POST {} HTTP/1.1\r\ncontent-length: 10", poller.path());
    drop(written(&relay, &head, b"42").await);
    relay.metric_is("connected_clients", 0.0).await;
    poller.expect_gone().await;
}

#[tokio::test]
async fn too_large_is_refused_declared_or_not() {
    let relay = Relay::start();
    let large = vec![b'x'; 16 * 1024 + 1];
    // Declared: refused before any of it comes.
    let declared = poller(&relay).await;
    let head = format!(
        "POST {} HTTP/1.1\r\ncontent-length: 1000000000",
        declared.path()
    );
    let mut stream = written(&relay, &head, b"4").await;
    let mut answer = vec![0; 12];
    within("an answer", stream.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    declared.expect_ended().await;
    // Declared, and all of it there.
    let whole = poller(&relay).await;
    whole.post(large.clone()).await.expect(413);
    whole.expect_ended().await;
    // In pieces, with no word of how much it will be.
    let streamed = poller(&relay).await;
    let head = format!(
        "POST {} HTTP/1.1\r\ntransfer-encoding: chunked",
        streamed.path()
    );
    let mut body = format!("{:x}\r\n", large.len()).into_bytes();
    body.extend_from_slice(&large);
    let answer = answered(written(&relay, &head, &body).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    streamed.expect_ended().await;
    // One that goes on sending has its answer, and is not listened to for ever.
    let endless = poller(&relay).await;
    let head = format!(
        "POST {} HTTP/1.1\r\ncontent-length: 1000000000",
        endless.path()
    );
    let (mut reader, mut writer) = written(&relay, &head, b"4").await.into_split();
    let piece = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    within("the end", async {
        while writer.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
    })
    .await;
    assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
    let mut answer = vec![0; 12];
    within("an answer", reader.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    endless.expect_ended().await;
    // The largest that fits is only wrong in what it says.
    let fits = poller(&relay).await;
    expect_error(&fits.post(vec![b'x'; 16 * 1024]).await, 400, 3);
}

#[tokio::test]
async fn a_slow_message_is_given_up_at_its_deadline() {
    let relay = Relay::with("limits.body_deadline = \"1s\"");
    let poller = poller(&relay).await;
    let head = format!("POST {} HTTP/1.1\r\ncontent-length: 1000", poller.path());
    let start = Instant::now();
    let mut stream = written(&relay, &head, b"42").await;
    // It drips on.
    let mut answer = [0; 12];
    let (mut reading, mut writing) = stream.split();
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if writing.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        read = within("an answer", reading.read_exact(&mut answer)) => { read.unwrap(); }
        () = drip => {}
    }
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
    poller.expect_ended().await;
}

#[tokio::test]
async fn more_messages_than_allowed_take_their_time_or_end_it() {
    // 20 at once, then 20 a second: 25 take a quarter of a second, 8,000 would take minutes.
    let relay = Relay::with("limits.body_deadline = \"1s\"");
    let poller = poller(&relay).await;
    let many = |count: usize| vec!["6"; count].join("\u{1e}");
    let start = Instant::now();
    poller.say(&many(25)).await;
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
    poller.post(many(8_000)).await.expect(408);
    poller.expect_ended().await;
}

// ---- what is left behind ----

#[tokio::test]
async fn one_that_answers_no_ping_is_gone() {
    let relay = Relay::with("limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"600ms\"");
    let mut poller = poller(&relay).await;
    poller.pongs = false;
    let start = Instant::now();
    let answer = poller.poll().await;
    assert_eq!(packets(&answer), ["2"]);
    let answer = poller.poll().await;
    assert!(
        matches!(answer.text().as_str(), "6" | "1"),
        "{}",
        answer.text()
    );
    assert!(
        start.elapsed() >= Duration::from_millis(800),
        "{:?}",
        start.elapsed()
    );
    poller.expect_gone().await;
    relay.metric_is("connected_clients", 0.0).await;
}

#[tokio::test]
async fn one_that_answers_its_pings_stays() {
    let relay = Relay::with("limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"600ms\"");
    let mut poller = poller(&relay).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        relay.publish_range("s", 1, 1).await;
    };
    tokio::join!(poller.expect_numbers(1, 1), late);
}

#[tokio::test]
async fn those_that_never_come_back_leave_nothing_behind() {
    let mut relay = Relay::with(
        "limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"600ms\"\nlimits.handshake_deadline = \"1s\"\n\
         limits.write_deadline = \"1s\"\nlimits.idle_session = \"1s\"\nlimits.drain = \"20s\"",
    );
    for n in 0..20 {
        // Connected, and then never heard of again, with events and packets waiting.
        let poller = poller(&relay).await;
        poller.say("421[\"x\",null]").await;
        if n % 2 == 0 {
            // Opened only.
            Poller::open(relay.address).await;
        }
    }
    relay.publish_range("s", 1, 100).await;
    assert_eq!(relay.metric("connected_clients").await, 20.0);
    relay.metric_is("connected_clients", 0.0).await;
    relay.metric_is("relay_outbox_bytes", 0.0).await;
    relay.metric_is("relay_clients_behind", 0.0).await;
    // Nobody reads the session, so it goes too.
    relay.metric_is("relay_sessions", 0.0).await;
    // Those who were only opened had their deadline as well. A drain waits for whoever is left.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    relay.stop();
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn one_that_posts_and_does_not_poll_is_cut_at_the_write_deadline() {
    let relay = Relay::with("limits.write_deadline = \"700ms\"");
    let poller = poller(&relay).await;
    // Nothing waits: it may be late with its poll.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // From here on something does. All that it says is well-formed, and none of it is a poll.
    let start = Instant::now();
    while poller.post("421[\"x\",null]").await.status == 200 {
        assert!(start.elapsed() < Duration::from_secs(10), "it stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        start.elapsed() >= Duration::from_millis(700),
        "{:?}",
        start.elapsed()
    );
    poller.expect_gone().await;
    relay.metric_is("relay_slow_clients_cut_total", 1.0).await;
    relay.metric_is("relay_outbox_bytes", 0.0).await;
    relay.metric_is("relay_clients_behind", 0.0).await;
}

#[tokio::test]
async fn one_that_still_takes_its_last_answer_has_the_time_of_the_least_rate() {
    let relay = Relay::with("limits.write_deadline = \"100ms\"\nlimits.least_rate = \"20KiB\"");
    let mut poller = poller(&relay).await;
    let poll = poller.begin_poll().await;
    let large = EventText::new("s").with("payload", "x".repeat(60_000));
    relay.publish(&large).await;
    let answer = within("the poll", poll).await.unwrap();
    relay.publish_range("s", 1, 1).await;
    // 60 kB are 3 s at that rate.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    poller.take(&answer);
    poller.expect::<Value>("event").await;
    poller.expect_numbers(1, 1).await;
    // The next answer is short.
    relay.publish_range("s", 2, 2).await;
    relay.metric_is("connected_clients", 0.0).await;
    poller.expect_gone().await;
}

#[tokio::test]
async fn those_that_do_not_poll_are_cut_first_when_all_outboxes_hold_too_much() {
    let relay = Relay::with("limits.all_outboxes = \"64KiB\"\nlimits.messages_per_second = 10000");
    let polls = poller(&relay).await;
    let poll = polls.begin_poll().await;
    // Each of their calls is answered with an acknowledgement that they do not fetch.
    let calls = vec!["421[\"x\",null]"; 400].join(&SEPARATOR.to_string());
    let (first, second) = (poller(&relay).await, poller(&relay).await);
    for idle in [&first, &second] {
        idle.say(&calls).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    relay.metric_is("relay_slow_clients_cut_total", 1.0).await;
    relay.metric_is("relay_slow_clients_cut_total", 1.0).await;
    first.expect_gone().await;
    second.poll().await.expect(200);
    relay.publish_range("s", 1, 1).await;
    within("the poll", poll).await.unwrap().expect(200);
}

#[tokio::test]
async fn one_that_leaves_is_gone_at_once() {
    let relay = Relay::start();
    for goodbye in ["1", "41"] {
        let poller = poller(&relay).await;
        let poll = poller.begin_poll().await;
        poller.say(goodbye).await;
        let last = within("the poll", poll).await.unwrap();
        assert!(matches!(last.text().as_str(), "6" | "1"), "{}", last.text());
        poller.expect_gone().await;
        relay.metric_is("connected_clients", 0.0).await;
    }
}

#[tokio::test]
async fn a_drain_tells_those_that_poll() {
    let mut relay = Relay::with("limits.drain = \"5s\"");
    let mut waiting = poller(&relay).await;
    let mut between = poller(&relay).await;
    let poll = waiting.begin_poll().await;
    let start = Instant::now();
    relay.stop();
    let answer = within("the poll", poll).await.unwrap();
    waiting.take(&answer);
    for poller in [&mut waiting, &mut between] {
        let bye = poller.expect_bye().await;
        assert_eq!((bye.code.as_str(), bye.reconnect), ("draining", true));
    }
    relay.ended().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

// ---- pages ----

#[tokio::test]
async fn pages_may_read_answers_where_their_origin_is_allowed() {
    let relay = Relay::start();
    let poller = poller(&relay).await;
    let unknown = "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA";
    let path = poller.path();
    for (method, path) in [
        (Method::OPTIONS, path.as_str()),
        (Method::GET, OPEN),
        (Method::GET, unknown),
        (Method::PUT, OPEN),
    ] {
        let request = |origin| Request::new(method.clone(), path).header("origin", origin);
        let allowed = relay.http.send(request(ALLOWED)).await;
        assert_eq!(allowed.header("access-control-allow-origin"), Some(ALLOWED));
        let denied = relay.http.send(request("https://evil.example")).await;
        assert_eq!(denied.header("access-control-allow-origin"), None);
        let nobody = asked(&relay, method.clone(), path).await;
        assert_eq!(nobody.header("access-control-allow-origin"), None);
        for answer in [&allowed, &denied, &nobody] {
            let vary = answer.header("vary").unwrap_or_default();
            assert!(vary.eq_ignore_ascii_case("origin"), "{vary}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
        assert_eq!(
            allowed.status, denied.status,
            "a page learns nothing from the status"
        );
    }
    let preflight = Request::new(Method::OPTIONS, &poller.path())
        .header("origin", ALLOWED)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let answer = relay.http.send(preflight).await;
    answer.expect(204);
    assert!(answer.body.is_empty());
    let methods = answer.header("access-control-allow-methods").unwrap();
    assert!(
        methods.contains("GET") && methods.contains("POST"),
        "{methods}"
    );
    let headers = answer.header("access-control-allow-headers").unwrap();
    assert!(
        headers.to_ascii_lowercase().contains("content-type"),
        "{headers}"
    );
    // What is said is for this client, now.
    let answer = asked(&relay, Method::GET, OPEN).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn publishing_stays_closed_to_pages() {
    let relay = Relay::start();
    for path in ["/events", "/events/batch", "/tokens"] {
        let request = Request::new(Method::OPTIONS, path).header("origin", ALLOWED);
        let answer = relay.http.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

// ---- what an operator can say ----

#[tokio::test]
async fn polling_can_be_switched_off() {
    let relay = Relay::with("long_polling = false");
    expect_error(&asked(&relay, Method::GET, OPEN).await, 400, 0);
    expect_error(&asked(&relay, Method::POST, OPEN).await, 400, 0);
    // What a WebSocket does wrong is still told by its own name.
    let old = asked(&relay, Method::GET, "/socket.io/?EIO=3&transport=websocket").await;
    expect_error(&old, 400, 5);
    let (socket, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(socket.open["upgrades"], json!([]), "nothing to upgrade to");
}

#[tokio::test]
async fn connections_that_poll_are_bounded() {
    let relay = Relay::with("limits.connections = 20");
    let http = Http::new(relay.address);
    let mut opened = 0;
    let refused = loop {
        let answer = http.get(OPEN).await;
        if answer.status != 200 {
            break answer;
        }
        opened += 1;
        assert!(opened <= 20, "more than there is room for");
    };
    expect_error(&refused, 503, 4);
    assert!(opened >= 15, "{opened}");
}

#[tokio::test]
async fn one_that_upgraded_counts_once() {
    let relay = Relay::with("limits.connections = 20");
    let mut upgraded = Vec::new();
    for _ in 0..12 {
        let mut poller = poller(&relay).await;
        while poller.next_unread().is_some() {}
        upgraded.push(poller.upgrade().await);
    }
    relay.publish_range("s", 1, 1).await;
    for client in &mut upgraded {
        client.expect_numbers(1, 1).await;
    }
    relay.metric_is("relay_open_connections", 13.0).await;
    // 12 WebSockets and this HTTP connection leave room for a few more.
    asked(&relay, Method::GET, OPEN).await.expect(200);
}

#[tokio::test]
async fn plain_http_is_refused_where_https_is_required() {
    let relay = Relay::with("require_https = true\ntrusted_proxies = [\"127.0.0.0/8\"]");
    expect_error(&asked(&relay, Method::GET, OPEN).await, 403, 4);
    let behind = Request::new(Method::GET, OPEN).header("x-forwarded-proto", "https");
    relay.http.send(behind).await.expect(200);
}

#[tokio::test]
async fn events_wait_between_polls_and_come_with_the_next() {
    let relay = Relay::start();
    let mut poller = poller(&relay).await;
    relay.publish_range("s", 1, 250).await;
    poller.expect_numbers(1, 250).await;
    // And a poll that waits is answered at once.
    let poll = poller.begin_poll().await;
    relay.publish_range("s", 251, 251).await;
    let answer = within("the poll", poll).await.unwrap();
    poller.take(&answer);
    poller.expect_numbers(251, 251).await;
}
