//! The suites' server does what the suites need of it, in a few words: the suites themselves are other
//! people's work, and are run by `cargo xtask conformance`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tungstenite::{Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server of a suite; it ends with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(suite: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_conformance-server"))
            .args([suite, "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("it does not listen: {line}"));
        Self { process, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn websocket(&self, path: &str) -> WebSocket<TcpStream> {
        let url = format!("ws://{}{path}?EIO=4&transport=websocket", self.address);
        tungstenite::client(url, self.connect()).unwrap().0
    }

    /// The status and the body of the answer to one request of the polling transport.
    fn polling(&self, method: &str, path: &str, sid: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let sid = if sid.is_empty() {
            String::new()
        } else {
            format!("&sid={sid}")
        };
        write!(
            stream,
            "{method} {path}?EIO=4&transport=polling{sid} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next message that is no ping of Engine.IO.
fn next(socket: &mut WebSocket<TcpStream>) -> Message {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) if text.as_str() == "2" => socket.send("3".into()).unwrap(),
            message => return message,
        }
    }
}

/// The sid in Engine.IO's OPEN.
fn sid(open: &str) -> String {
    let rest = open.strip_prefix("0{\"sid\":\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

const BYTES: [u8; 4] = [1, 2, 3, 4];

#[test]
fn over_polling_every_message_comes_back() {
    let server = Server::start("engine");
    let (status, open) = server.polling("GET", "/engine.io/", "", "");
    assert_eq!(status, 200);
    for field in [
        "\"pingInterval\":300,",
        "\"pingTimeout\":200,",
        "\"maxPayload\":1000000",
    ] {
        assert!(open.contains(field), "{open}");
    }
    let sid = sid(&open);
    let said = "4hello\u{1e}bAQIDBA==";
    let posted = server.polling("POST", "/engine.io/", &sid, said);
    assert_eq!(posted, (200, "ok".to_owned()));
    let polled = server.polling("GET", "/engine.io/", &sid, "");
    assert_eq!(polled, (200, said.to_owned()));
    assert_eq!(server.polling("POST", "/engine.io/", &sid, "abc").0, 400);
    assert_eq!(server.polling("GET", "/engine.io/", &sid, "").0, 400);
}

#[test]
fn over_websocket_every_message_comes_back() {
    let server = Server::start("engine");
    let mut socket = server.websocket("/engine.io/");
    sid(next(&mut socket).to_text().unwrap());
    for message in [Message::text("4hello"), Message::binary(BYTES.to_vec())] {
        socket.send(message.clone()).unwrap();
        assert_eq!(next(&mut socket), message);
    }
    socket.send("abc".into()).unwrap();
    assert!(next(&mut socket).is_close());
}

#[test]
fn the_handlers_of_the_socket_io_suite_answer() {
    let server = Server::start("socket");
    let mut socket = server.websocket("/socket.io/");
    sid(next(&mut socket).to_text().unwrap());
    let mut ask = |said: &str, answers: &[&str]| {
        socket.send(said.into()).unwrap();
        for wanted in answers {
            let answer = next(&mut socket);
            let answer = answer.to_text().unwrap();
            assert!(answer.starts_with(wanted), "{said}: {answer}");
        }
    };
    ask("40{\"a\":1}", &["40{\"sid\":\"", "42[\"auth\",{\"a\":1}]"]);
    ask(
        "40/custom,",
        &["40/custom,{\"sid\":\"", "42/custom,[\"auth\",{}]"],
    );
    ask(
        "40/random",
        &["44/random,{\"message\":\"Invalid namespace\"}"],
    );
    ask("42[\"message\",1]", &["42[\"message-back\",1]"]);
    ask("427[\"message-with-ack\",1]", &["437[1]"]);
    ask("451-[\"message\",{\"_placeholder\":true,\"num\":0}]", &[]);
    socket.send(Message::binary(BYTES.to_vec())).unwrap();
    let back = "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(next(&mut socket), Message::text(back));
    assert_eq!(next(&mut socket), Message::binary(BYTES.to_vec()));
}

#[test]
fn websockets_own_suite_finds_no_engine_io() {
    let server = Server::start("websocket");
    let mut socket = server.websocket("/engine.io/");
    for message in [
        Message::text("3"),
        Message::text("€"),
        Message::binary(BYTES.to_vec()),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    assert!(socket.read().unwrap().is_close());
}
