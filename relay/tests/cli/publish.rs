//! `publish`, against relays that answer by script.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use forge_relay_core::{KeyRing, signature};
use serde_json::{Value as Json, json};

use crate::run::{PATIENCE, Run, SECRET, relay};

/// One request as a relay gets it.
struct Got {
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A relay that gives these answers, one a connection, and tells what it was asked; `None` hangs up.
fn scripted(answers: Vec<Option<&'static str>>) -> (String, mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
            }
            let mut got = Got {
                head,
                body: Vec::new(),
            };
            let length = got.header("content-length").unwrap().parse().unwrap();
            got.body.resize(length, 0);
            stream.read_exact(&mut got.body).unwrap();
            let _ = tell.send(got);
            if let Some(answer) = answer {
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, told)
}

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"id\":\"1\",\"sessionId\":\"abc\",\"seq\":7,\"cursor\":\"00000000000000a1-7\",\"duplicate\":false}";
const CUT: &str =
    "HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{\"id\"";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const MUCH_LATER: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 422 Unprocessable Content\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
    {\"code\":\"invalid\",\"detail\":\"the event breaks the rules\",\"requestId\":\"r-1\",\
     \"errors\":[{\"field\":\"/event\",\"code\":\"reserved\",\"message\":\"relay. is reserved\"}]}";
const MOVED: &str = "HTTP/1.1 301 Moved Permanently\r\nlocation: https://elsewhere.example/events\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn publish(url: &str, args: &[&str]) -> Run {
    let args = [
        &[
            "publish",
            "--session",
            "abc",
            "--event",
            "vote.cast",
            "--url",
            url,
        ],
        args,
    ]
    .concat();
    relay("publish", &args).env("RELAY_SECRET", SECRET)
}

fn verified(got: &Got) -> Json {
    let ring = KeyRing::parse(SECRET).unwrap();
    let timestamp = got.header("webhook-timestamp").unwrap();
    let headers = signature::Headers {
        id: got.header("webhook-id"),
        timestamp: Some(timestamp),
        signature: got.header("webhook-signature"),
    };
    let now = timestamp.parse().unwrap();
    signature::verify(&ring, headers, &got.body, now, 0).unwrap();
    serde_json::from_slice(&got.body).unwrap()
}

#[test]
fn publish_signs_and_prints_the_receipt() {
    let (url, told) = scripted(vec![Some(ACCEPTED)]);
    let ran = publish(
        &url,
        &[
            "{\"value\": 1.50}",
            "--app",
            "poker",
            "--nonce",
            "n-1",
            "--json",
        ],
    )
    .ran()
    .ended(0)
    .hides(SECRET);
    assert_eq!(ran.json()["seq"], 7);
    let got = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        got.head.starts_with("POST /events HTTP/1.1"),
        "{}",
        got.head
    );
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("relay-app"), Some("poker"));
    let event = verified(&got);
    assert_eq!(event["sessionId"], "abc");
    assert_eq!(event["event"], "vote.cast");
    assert_eq!(event["nonce"], "n-1");
    assert!(
        String::from_utf8(got.body).unwrap().contains("1.50"),
        "numbers stay as written"
    );
    forge_relay_core::Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
}

#[test]
fn publish_tries_again_with_the_same_nonce_and_ends_with_one_receipt() {
    let (url, told) = scripted(vec![None, Some(BUSY), Some(CUT), Some(ACCEPTED)]);
    let ran = publish(&url, &["1"]).ran().ended(0);
    assert_eq!(ran.out, "published: seq 7, cursor 00000000000000a1-7\n");
    let events: Vec<_> = (0..4)
        .map(|_| verified(&told.recv_timeout(PATIENCE).unwrap()))
        .collect();
    assert!(events.iter().all(|event| *event == events[0]));
}

#[test]
fn publish_reads_the_payload_from_a_file_or_standard_input() {
    let (url, told) = scripted(vec![Some(ACCEPTED), Some(ACCEPTED)]);
    publish(&url, &["@payload.json"])
        .file("payload.json", "{\"from\": \"file\"}\n")
        .ran()
        .ended(0);
    publish(&url, &["-"])
        .with_input("[\"from\", \"input\"]\n")
        .ended(0);
    assert_eq!(
        verified(&told.recv_timeout(PATIENCE).unwrap())["payload"],
        json!({ "from": "file" })
    );
    assert_eq!(
        verified(&told.recv_timeout(PATIENCE).unwrap())["payload"],
        json!(["from", "input"])
    );
}

#[test]
fn publish_ends_with_1_when_refused_and_says_every_wrong_field() {
    let (url, _told) = scripted(vec![Some(REFUSED), Some(REFUSED), Some(MOVED)]);
    let ran = publish(&url, &["1"]).ran().ended(1);
    assert_eq!(
        ran.err,
        "forge-relay: refused, invalid: the event breaks the rules\n  /event: relay. is reserved\n  request r-1\n"
    );
    assert_eq!(
        publish(&url, &["1", "--json"]).ran().ended(1).json()["errors"][0]["field"],
        "/event"
    );
    let ran = publish(&url, &["1"]).ran().ended(1);
    assert!(
        ran.err
            .contains("redirects to https://elsewhere.example/events"),
        "{}",
        ran.err
    );
}

#[test]
fn publish_ends_with_3_and_its_nonce_when_time_is_up() {
    let begun = Instant::now();
    let (url, _told) = scripted(vec![Some(MUCH_LATER)]);
    let ran = publish(&url, &["1", "--nonce", "n-1", "--json"])
        .ran()
        .ended(3);
    assert_eq!(ran.json()["code"], "not_accepted_in_time");
    assert_eq!(ran.json()["nonce"], "n-1");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it does not wait for what comes too late"
    );

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = publish(
        &format!("http://{free}"),
        &["1", "--nonce", "n-2", "--deadline", "500ms"],
    )
    .ran()
    .ended(3);
    assert!(ran.err.contains("--nonce n-2"), "{}", ran.err);
}

#[test]
fn publish_refuses_what_it_cannot_send() {
    for (args, message) in [
        (vec!["hello"], "the payload is not JSON"),
        (
            vec!["@none.json"],
            "the payload cannot be read from @none.json",
        ),
        (vec!["1", "--deadline", "5"], "--deadline: 5 has no unit"),
    ] {
        let ran = publish("http://127.0.0.1:9", &args).ran().ended(2);
        assert!(ran.err.contains(message), "{}", ran.err);
    }
    for url in ["ftp://relay.example", "relay.example", "http://"] {
        let ran = publish(url, &["1"]).ran().ended(2);
        assert!(ran.err.contains("--url: "), "{url}: {}", ran.err);
    }
}
