//! Peers that are slow on purpose, or that never stop: each is bounded in time, and a healthy client beside it is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::subscriber::Opening;
use crate::harness::{EventText, Poller, Relay, Subscriber, within};

const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn healthy(relay: &Relay) -> Subscriber {
    Subscriber::join(relay.address, &relay.app.token("alice", "s"))
        .await
        .0
}

/// A bad neighbour that is still there holds nobody up.
async fn is_served(relay: &Relay, client: &mut Subscriber) {
    relay.publish_range("s", 1, 20).await;
    client.expect_numbers(1, 20).await;
}

#[tokio::test]
async fn five_hundred_half_open_handshakes_end_at_their_deadlines() {
    let relay = Relay::with(
        "limits.header_deadline = \"500ms\"\nlimits.handshake_deadline = \"500ms\"\nlimits.write_deadline = \"500ms\"",
    );
    let mut client = healthy(&relay).await;
    let mut half = Vec::new();
    for n in 0..500 {
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        let said = match n % 3 {
            0 => "",
            1 => "GET /socket.io/?EIO=4&trans",
            _ => UPGRADE,
        };
        stream.write_all(said.as_bytes()).await.unwrap();
        half.push(stream);
    }
    is_served(&relay, &mut client).await;
    // The client's, and the one that asks.
    relay.metric_is("relay_open_connections", 2.0).await;
    is_served(&relay, &mut client).await;
}

#[tokio::test]
async fn a_header_that_drips_ends_at_its_deadline() {
    let relay = Relay::with("limits.header_deadline = \"500ms\"");
    let mut client = healthy(&relay).await;
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let drip = async {
        for byte in UPGRADE.as_bytes() {
            if writing.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut rest = Vec::new();
    let end = within("the end", reading.read_to_end(&mut rest));
    tokio::select! { _ = end => {}, () = drip => {} }
    assert!(!rest.starts_with(b"HTTP/1.1 101"));
    is_served(&relay, &mut client).await;
}

#[tokio::test]
async fn frames_a_byte_at_a_time_are_frames() {
    let relay = Relay::start();
    let auth = json!({ "token": relay.app.token("alice", "s") });
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let connect = format!("40{auth}");
    let mut bytes = UPGRADE.as_bytes().to_vec();
    bytes.extend_from_slice(&[0x81, 0x80 | 126]);
    bytes.extend_from_slice(&u16::try_from(connect.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(connect.as_bytes());
    bytes.extend_from_slice(&PING);
    for byte in bytes {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut seen = Vec::new();
    within("the pong", async {
        let mut buffer = [0; 4_096];
        while !seen.ends_with(&[0x8a, 0]) {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..read]);
        }
    })
    .await;
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(text.contains("relay:ready"), "{text}");
}

#[tokio::test]
async fn a_flood_of_pings_is_slowed_down_and_alone_in_it() {
    let relay = Relay::with("limits.messages_per_second = 20");
    let mut client = healthy(&relay).await;
    let flooding = Subscriber::join(relay.address, &relay.app.token("bob", "other"))
        .await
        .0;
    let (mut reading, mut writing) = flooding.socket.into_inner().into_split();
    let flood = tokio::spawn(async move {
        let pings = PING.repeat(1_000);
        let mut sent = 0_u64;
        while writing.write_all(&pings).await.is_ok() {
            sent += 1_000;
            if sent >= 10_000_000 {
                break;
            }
        }
        sent
    });
    let answered = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&answered);
    let pongs = tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok(read) = reading.read(&mut buffer).await
            && read > 0
        {
            counting.fetch_add(read / 2, Ordering::Relaxed);
        }
    });
    for _ in 0..20 {
        is_served(&relay, &mut client).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!flood.is_finished(), "TCP holds it back");
    flood.abort();
    pongs.abort();
    // 20 at once, and 20 a second. A busy machine takes its time.
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered < 2_000, "{answered}");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let relay = Relay::with(
        "limits.write_deadline = \"500ms\"\nlimits.header_deadline = \"500ms\"\n\
         limits.ping_interval = \"300ms\"\nlimits.ping_timeout = \"600ms\"",
    );
    let (poller, ready) = Poller::join(relay.address, &relay.app.token("alice", "s")).await;
    drop(poller);
    for n in 0..50 {
        let payload = json!({ "n": n, "text": "x".repeat(60_000) });
        relay
            .publish(&EventText::new("s").with("payload", payload))
            .await;
    }
    let auth = json!({ "token": relay.app.token("alice", "s"), "cursor": ready.cursor });
    let (poller, _) = Poller::join_with(relay.address, &auth).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(relay.address).await.unwrap();
    let polls = format!("GET {} HTTP/1.1\r\nhost: relay\r\n\r\n", poller.path()).repeat(50);
    stream.write_all(polls.as_bytes()).await.unwrap();
    // It holds 3 MB of answers back, of which the pipe takes a part. Its polling connection is soon forgotten.
    relay.metric_is("connected_clients", 0.0).await;
    drop(poller);
    relay.metric_is("relay_open_connections", 1.0).await;
    drop(stream);
}

#[tokio::test]
async fn one_that_comes_and_goes_all_the_time_leaves_nothing() {
    let relay = Relay::with("limits.connects_per_account = 0");
    let auth = json!({ "token": relay.app.token("alice", "s") });
    for _ in 0..200 {
        let mut client = Opening::to(relay.address).open().await;
        client.send(&format!("40{auth}")).await;
        drop(client);
    }
    relay.metric_is("relay_open_connections", 1.0).await;
    assert_eq!(relay.metric("connected_clients").await, 0.0);
    let mut client = healthy(&relay).await;
    is_served(&relay, &mut client).await;
}
