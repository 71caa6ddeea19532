//! An event stream by hand, over a bare TCP stream: it shows every line, and can stop reading.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::subscriber::{Bye, Envelope, Expiring, Resync, Said};
use super::wait::within;

/// A stream that a test reads message by message.
pub(crate) struct EventStream {
    pub(crate) tcp: BufReader<TcpStream>,
    /// The head of the answer, as it was sent.
    pub(crate) head: String,
    /// What of the body was read and not yet understood.
    body: VecDeque<u8>,
    /// The last `retry:`.
    pub(crate) retry: Option<u64>,
    /// How many comments came.
    pub(crate) comments: usize,
    /// The `id` of the last message that had one: what a client sends when it comes back.
    pub(crate) last_id: Option<String>,
}

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) event: String,
    pub(crate) data: String,
}

/// `relay:ready` of a stream, exactly as the contract has it.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StreamReady {
    pub(crate) session_id: String,
    pub(crate) connection_id: String,
    pub(crate) cursor: String,
    pub(crate) recovered: bool,
    pub(crate) replayed: u64,
    pub(crate) expires_at: Option<i64>,
}

/// A stream that is yet to be opened.
pub(crate) struct Follow {
    relay: SocketAddr,
    path: String,
    headers: Vec<(String, String)>,
    receive_buffer: Option<u32>,
}

impl Follow {
    /// The stream of a session, for who has this bearer.
    pub(crate) fn new(relay: SocketAddr, session: &str, bearer: &str) -> Self {
        let headers = [
            ("host", relay.to_string()),
            ("accept", "text/event-stream".to_owned()),
            ("authorization", format!("Bearer {bearer}")),
        ];
        Self {
            relay,
            path: format!("/sessions/{session}/events"),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            receive_buffer: None,
        }
    }

    pub(crate) fn after(mut self, cursor: &str) -> Self {
        self.path = format!("{}?after={cursor}", self.path);
        self
    }

    pub(crate) fn last_event_id(self, cursor: &str) -> Self {
        self.header("last-event-id", cursor)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A small one makes a client that stops reading felt at once.
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Up to the head of the answer, whatever it is.
    pub(crate) async fn ask(self) -> EventStream {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let tcp = socket.connect(self.relay).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut request = format!("GET {} HTTP/1.1\r\n", self.path);
        for (name, value) in self.headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut tcp = BufReader::new(tcp);
        tcp.get_mut().write_all(request.as_bytes()).await.unwrap();
        let head = within("the head of the answer", async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(tcp.read_line(&mut head).await.unwrap() > 0, "{head}");
            }
            head
        })
        .await;
        EventStream {
            tcp,
            head,
            body: VecDeque::new(),
            retry: None,
            comments: 0,
            last_id: None,
        }
    }

    /// Opens it, up to `relay:ready`.
    pub(crate) async fn open(self) -> (EventStream, StreamReady) {
        let mut stream = self.ask().await;
        assert_eq!(stream.status(), 200, "{}", stream.head);
        let message = stream.next().await.expect("relay:ready");
        assert_eq!(message.event, "relay:ready", "{message:?}");
        let ready: StreamReady = serde_json::from_str(&message.data).unwrap();
        if let Some(id) = &message.id {
            assert_eq!(*id, ready.cursor, "the id is the cursor");
        }
        (stream, ready)
    }
}

impl EventStream {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The next message; `None` at the orderly end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        within("the stream to go on", self.message())
            .await
            .unwrap_or_else(|broken| panic!("the stream broke off: {broken}"))
    }

    /// The next message in this time, or nothing.
    pub(crate) async fn next_in(&mut self, time: Duration) -> Option<Message> {
        tokio::time::timeout(time, self.message())
            .await
            .ok()?
            .ok()?
    }

    pub(crate) async fn expect<T: DeserializeOwned>(&mut self, wanted: &str) -> (Message, T) {
        let message = self
            .next()
            .await
            .unwrap_or_else(|| panic!("{wanted}, not the end"));
        assert_eq!(message.event, wanted, "{message:?}");
        let data = serde_json::from_str(&message.data).unwrap();
        (message, data)
    }

    pub(crate) async fn expect_event(&mut self) -> (Message, Envelope) {
        let (message, envelope) = self.expect::<Envelope>("event").await;
        assert_eq!(
            message.id.as_deref(),
            Some(&*envelope.cursor),
            "the id is the cursor"
        );
        (message, envelope)
    }

    /// Exactly the events `from..=to`, in order.
    pub(crate) async fn expect_numbers(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let (_, event) = self.expect_event().await;
            assert_eq!(event.payload["n"], n, "{event:?}");
        }
    }

    pub(crate) async fn expect_resync(&mut self) -> Resync {
        let (message, resync) = self.expect::<Resync>("relay:resync").await;
        assert_eq!(
            message.id.as_deref(),
            Some(&*resync.cursor),
            "the id is the cursor"
        );
        resync
    }

    /// `relay:bye`, and then the orderly end.
    pub(crate) async fn expect_expiring(&mut self) -> Expiring {
        let (message, expiring) = self.expect("relay:expiring").await;
        assert_eq!(message.id, None);
        expiring
    }

    pub(crate) async fn expect_bye(&mut self) -> Bye {
        let (message, bye) = self.expect::<Bye>("relay:bye").await;
        assert_eq!(message.id, None);
        assert_eq!(self.next().await, None, "nothing follows the bye");
        bye
    }

    /// What was said, as a Socket.IO client would have heard it.
    pub(crate) async fn said(&mut self) -> Said {
        match within("the stream to go on", self.message()).await {
            Ok(Some(message)) => Said::Event {
                name: message.event,
                data: serde_json::from_str(&message.data).unwrap(),
            },
            Ok(None) | Err(_) => Said::Closed { code: None },
        }
    }

    async fn message(&mut self) -> Result<Option<Message>, String> {
        let mut message = Message::default();
        loop {
            let Some(line) = self.line().await? else {
                return Ok(None);
            };
            if line.is_empty() {
                if !message.data.is_empty() {
                    return Ok(Some(message));
                }
                continue;
            }
            match line.split_once(": ") {
                Some(("id", value)) => {
                    self.last_id = Some(value.to_owned());
                    message.id = self.last_id.clone();
                }
                Some(("event", value)) => message.event = value.to_owned(),
                Some(("data", value)) => {
                    assert!(message.data.is_empty(), "data is one line: {value}");
                    message.data = value.to_owned();
                }
                Some(("retry", value)) => self.retry = Some(value.parse().unwrap()),
                _ if line.starts_with(':') => self.comments += 1,
                _ => panic!("a line that no client knows: {line}"),
            }
        }
    }

    /// The next line of the body; `None` at its orderly end.
    async fn line(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.body.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.body.drain(..=end).collect();
                line.pop();
                return Ok(Some(String::from_utf8(line).unwrap()));
            }
            if !self.chunk().await? {
                assert!(self.body.is_empty(), "the stream ends inside of a line");
                return Ok(None);
            }
        }
    }

    /// RFC 9112 §7.1; false at the last chunk.
    async fn chunk(&mut self) -> Result<bool, String> {
        let mut length = String::new();
        self.tcp
            .read_line(&mut length)
            .await
            .map_err(|error| error.to_string())?;
        let length =
            usize::from_str_radix(length.trim_end(), 16).map_err(|_| "no chunk".to_owned())?;
        let mut chunk = vec![0; length + 2];
        self.tcp
            .read_exact(&mut chunk)
            .await
            .map_err(|error| error.to_string())?;
        assert!(chunk.ends_with(b"\r\n"));
        self.body.extend(&chunk[..length]);
        Ok(length > 0)
    }
}
