//! Malformed frames and packets: the connection ends with the right code, nothing is delivered, the relay stays well.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::{Relay, Said, Subscriber, wait, within};

async fn is_well(relay: &Relay) {
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "well")).await;
    relay.publish_range("well", 1, 1).await;
    client.expect_numbers(1, 1).await;
}

/// A client frame, masked as RFC 6455 asks, with any first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length.to_le_bytes()[0]),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// What the relay sends after these bytes, up to its end of the connection.
async fn answer_to(relay: &Relay, bytes: &[u8]) -> Vec<u8> {
    let (client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let mut stream = client.socket.into_inner();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = within("the relay to close", stream.read_to_end(&mut answer)).await;
    answer
}

/// The code of the close frame at the end.
fn close_code(answer: &[u8]) -> Option<u16> {
    let at = answer.iter().rposition(|byte| *byte == 0x88)?;
    let code = answer.get(at + 2..at + 4)?;
    Some(u16::from_be_bytes([code[0], code[1]]))
}

#[tokio::test]
async fn a_frame_that_rfc_6455_forbids_closes_with_its_code() {
    let relay = Relay::start();
    let unmasked = vec![0x81, 0x01, b'2'];
    for (what, code, bytes) in [
        ("no mask", 1002, unmasked),
        ("a reserved bit", 1002, frame(0x81 | 0x40, b"3")),
        ("a reserved opcode", 1002, frame(0x83, b"3")),
        ("a reserved control opcode", 1002, frame(0x8b, b"")),
        ("a ping in pieces", 1002, frame(0x09, b"")),
        ("a long ping", 1002, frame(0x89, &[0; 126])),
        ("a continuation of nothing", 1002, frame(0x80, b"3")),
        (
            "a text inside a text",
            1002,
            [frame(0x01, b"4"), frame(0x81, b"3")].concat(),
        ),
        ("text that is not UTF-8", 1007, frame(0x81, b"\xff\xfe")),
        (
            "a close code that is not for the wire",
            1002,
            frame(0x88, &1005_u16.to_be_bytes()),
        ),
        ("a close of one byte", 1002, frame(0x88, &[3])),
        (
            "a close whose reason is not UTF-8",
            1007,
            frame(0x88, &[3, 232, 0xff]),
        ),
        (
            "a message that is too large",
            1009,
            frame(0x81, &[b'x'; 16 * 1024 + 1]),
        ),
        (
            "a length that is too large to read",
            1009,
            vec![0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        ),
    ] {
        let answer = answer_to(&relay, &bytes).await;
        assert_eq!(close_code(&answer), Some(code), "{what}: {answer:02x?}");
    }
    is_well(&relay).await;
}

#[tokio::test]
async fn a_message_in_pieces_is_one_message() {
    let relay = Relay::start();
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let pieces = [
        frame(0x01, b"420[\"no"),
        frame(0x89, b"hi"),
        frame(0x00, b""),
        frame(0x80, b"body\"]"),
    ]
    .concat();
    for byte in pieces {
        client.socket.get_mut().write_all(&[byte]).await.unwrap();
    }
    match client.next().await {
        Said::Ack { id: 0, data } => assert_eq!(data["code"], "unknown_event"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_packet_that_makes_no_sense_ends_the_connection() {
    let relay = Relay::start();
    for packet in [
        "",
        "x",
        "9",
        "42",
        "42{}",
        "42[",
        "42[7]",
        "42[]",
        "48",
        "43[]",
        "2probe",
        "5",
        "42/other,[\"a\"]",
        "40",
        "40{}",
    ] {
        let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
        client.send(packet).await;
        loop {
            match client.next_in(Duration::from_secs(5)).await {
                // Some of these are harmless to answer; none may open or deliver anything.
                Some(Said::Closed { .. }) => break,
                Some(Said::Event { name, data }) if name == "relay:bye" => {
                    assert_eq!(data["code"], "bad_message")
                }
                Some(Said::Disconnected | Said::Refused { .. } | Said::Ack { .. }) => {}
                Some(other) => panic!("{packet:?}: {other:?}"),
                None => {
                    client.expect_silence().await;
                    break;
                }
            }
        }
    }
    is_well(&relay).await;
}

#[tokio::test]
async fn binary_is_refused_with_a_bye() {
    let relay = Relay::start();
    for message in [
        Message::binary(vec![1, 2, 3]),
        Message::text("451-[\"event\",{\"_placeholder\":true,\"num\":0}]"),
    ] {
        let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
        client.socket.send(message).await.unwrap();
        let bye = client.expect_bye().await;
        assert_eq!((bye.code.as_str(), bye.reconnect), ("bad_message", false));
    }
}

#[tokio::test]
async fn another_namespace_is_refused() {
    let relay = Relay::start();
    let mut client = relay.opening().open().await;
    client
        .send(&format!(
            "40/admin,{}",
            json!({ "token": relay.app.token("alice", "s") })
        ))
        .await;
    let refusal = client.next_text().await;
    assert!(refusal.starts_with("44/admin,"), "{refusal}");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_in_time() {
    let relay = Relay::with("limits.handshake_deadline = \"200ms\"");
    let mut silent = relay.opening().open().await;
    silent.expect_closed().await;
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(
        client.next_in(Duration::from_millis(500)).await,
        None,
        "one that spoke stays"
    );
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed_without_a_bye_and_the_first_ping_waits() {
    let relay = Relay::with("limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"200ms\"");
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(client.open["pingInterval"], 300);
    assert_eq!(client.open["pingTimeout"], 200);
    assert_eq!(client.open["upgrades"], json!([]));
    client.pongs = false;
    let joined = Instant::now();
    assert!(matches!(client.next().await, Said::Closed { .. }));
    let lived = joined.elapsed();
    assert!(
        (Duration::from_millis(400)..Duration::from_millis(1500)).contains(&lived),
        "{lived:?}"
    );

    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    assert_eq!(
        client.next_in(Duration::from_millis(1500)).await,
        None,
        "one that answers stays"
    );
}

#[tokio::test]
async fn a_client_that_talks_too_much_is_slowed_down_and_alone_in_it() {
    let relay = Relay::with("limits.messages_per_second = 10");
    let (mut client, _) = Subscriber::join(relay.address, &relay.app.token("alice", "s")).await;
    let start = Instant::now();
    for id in 0..30 {
        client.send(&format!("42{id}[\"nobody\"]")).await;
    }
    is_well(&relay).await;
    // Deliveries do not wait for it.
    relay.publish_range("s", 1, 1).await;
    let (mut answered, mut delivered) = (0, None);
    while answered < 30 {
        match client.next().await {
            Said::Ack { id, .. } => {
                assert_eq!(id, answered, "in order, and none lost");
                answered += 1;
            }
            Said::Event { .. } => delivered = Some(start.elapsed()),
            other => panic!("{other:?}"),
        }
    }
    let took = start.elapsed();
    assert!(
        (1_500..5_000).contains(&took.as_millis()),
        "30 messages at 10 a second: {took:?}"
    );
    assert!(
        delivered.is_some_and(|at| at < Duration::from_secs(1)),
        "{delivered:?}"
    );
}

#[tokio::test]
async fn what_is_no_upgrade_is_refused_over_http() {
    let relay = Relay::start();
    for path in [
        "/socket.io/?EIO=3&transport=websocket",
        "/socket.io/?transport=websocket",
        "/socket.io/?EIO=4",
        "/socket.io/?EIO=4&transport=carrier-pigeon",
        "/socket.io/?EIO=4&transport=websocket&sid=nobody",
    ] {
        match relay.opening().path(path).try_open().await {
            Err(tungstenite::Error::Http(answer)) => {
                assert_eq!(answer.status().as_u16(), 400, "{path}")
            }
            // Upgraded, and closed before a word: what the stock server does with some of these.
            Err(_) => {}
            Ok(_) => panic!("{path} was opened"),
        }
    }
    let plain = relay
        .http
        .get("/socket.io/?EIO=4&transport=websocket")
        .await;
    assert!(plain.status.is_client_error(), "{}", plain.status);
    is_well(&relay).await;
}

#[tokio::test]
async fn beyond_its_capacity_a_relay_says_so_and_goes_on() {
    let relay = Relay::with("limits.connections = 5");
    let token = relay.app.token("alice", "s");
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Subscriber::join(relay.address, &token).await.0);
    }
    for _ in 0..20 {
        let answer = relay
            .http
            .raw(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n")
            .await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    clients.pop().unwrap().leave().await;
    wait::until("room for one more", || async {
        let answer = relay
            .http
            .raw(b"GET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")
            .await;
        answer.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    for client in &mut clients {
        client.expect_silence().await;
    }
}
