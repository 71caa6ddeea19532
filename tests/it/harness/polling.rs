//! A Socket.IO client by hand, on HTTP long polling: every request is the test's own, so that it can overlap, be given
//! up, or say what no client would; and the WebSocket that takes over can come at any moment.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::http::{Answer, Http, Request};
use super::subscriber::{Bye, Opening, Ready, Said, Subscriber, said};
use super::wait::within;

/// Between the packets of a payload.
pub(crate) const SEPARATOR: char = '\u{1e}';

/// A connection that a test polls request by request.
pub(crate) struct Poller {
    relay: SocketAddr,
    pub(crate) sid: String,
    /// What Engine.IO's open packet said.
    pub(crate) open: Value,
    /// Whether pings are answered.
    pub(crate) pongs: bool,
    /// Polls and posts have a connection each, as a browser's have.
    gets: Arc<Http>,
    posts: Arc<Http>,
    /// Packets of the last payload that were not looked at yet.
    unread: VecDeque<String>,
}

impl Poller {
    /// Up to Engine.IO's open packet.
    pub(crate) async fn open(relay: SocketAddr) -> Self {
        Self::open_as(relay, None).await
    }

    /// The same from a page of this origin.
    pub(crate) async fn open_as(relay: SocketAddr, origin: Option<&str>) -> Self {
        let http = Http::new(relay);
        let mut request = Request::new(Method::GET, "/socket.io/?EIO=4&transport=polling");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = http.send(request).await;
        answer.expect(200);
        let text = answer.text();
        let open: Value =
            serde_json::from_str(text.strip_prefix('0').expect("an open packet")).unwrap();
        Self {
            relay,
            sid: open["sid"].as_str().unwrap().to_owned(),
            open,
            pongs: true,
            gets: Arc::new(http),
            posts: Arc::new(Http::new(relay)),
            unread: VecDeque::new(),
        }
    }

    /// Connects with a token, up to `relay:ready`.
    pub(crate) async fn join(relay: SocketAddr, token: &str) -> (Self, Ready) {
        Self::join_with(relay, &json!({ "token": token })).await
    }

    pub(crate) async fn join_with(relay: SocketAddr, auth: &Value) -> (Self, Ready) {
        let mut poller = Self::open(relay).await;
        poller.say(&format!("40{auth}")).await;
        let ready = poller.expect_ready().await;
        (poller, ready)
    }

    pub(crate) fn path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    // ---- requests ----

    /// One poll.
    pub(crate) async fn poll(&self) -> Answer {
        self.gets.get(&self.path()).await
    }

    /// One poll that a test goes on beside. It has arrived when this returns, as far as that can be: it was sent.
    pub(crate) async fn begin_poll(&self) -> JoinHandle<Answer> {
        let (gets, path) = (Arc::clone(&self.gets), self.path());
        let poll = tokio::spawn(async move { gets.get(&path).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        poll
    }

    /// One message of these packets.
    pub(crate) async fn post(&self, payload: impl Into<Vec<u8>>) -> Answer {
        let request = Request::post(&self.path())
            .header("content-type", "text/plain;charset=UTF-8")
            .body(payload);
        self.posts.send(request).await
    }

    /// One message, which must be taken.
    pub(crate) async fn say(&self, payload: &str) {
        let answer = self.post(payload).await;
        answer.expect(200);
        assert_eq!(answer.text(), "ok");
    }

    // ---- the upgrade ----

    /// A WebSocket for this connection, which has said nothing yet.
    pub(crate) async fn socket(&self) -> Subscriber {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        Opening::to(self.relay).path(&path).bare().await.unwrap()
    }

    /// A WebSocket that has probed, and was answered.
    pub(crate) async fn probe(&self) -> Subscriber {
        let mut socket = self.socket().await;
        socket.send("2probe").await;
        assert_eq!(socket.next_text().await, "3probe");
        socket
    }

    /// The upgrade as a stock client makes it, with no poll in flight.
    pub(crate) async fn upgrade(self) -> Subscriber {
        let mut socket = self.probe().await;
        socket.send("5").await;
        socket
    }

    // ---- what the relay says ----

    /// Takes the packets of an answer in, for [`next`](Self::next).
    pub(crate) fn take(&mut self, answer: &Answer) {
        answer.expect(200);
        let packets = packets(answer);
        assert!(
            packets.len() == 1 || packets.iter().all(|packet| packet != "1"),
            "an end hides what stands before it in the same payload: {packets:?}"
        );
        self.unread.extend(packets);
    }

    /// The next thing the relay says; pings are answered on the way. `1` is the end.
    pub(crate) async fn next(&mut self) -> Said {
        within("the relay to say something", self.hear()).await
    }

    /// What was already said.
    pub(crate) fn next_unread(&mut self) -> Option<Said> {
        let packet = self.unread.pop_front()?;
        (packet != "6" && packet != "2").then(|| said(&packet).unwrap())
    }

    async fn hear(&mut self) -> Said {
        loop {
            let Some(packet) = self.unread.pop_front() else {
                let answer = self.poll().await;
                self.take(&answer);
                continue;
            };
            match packet.as_str() {
                "2" if self.pongs => self.say("3").await,
                "2" | "6" => {}
                "1" => return Said::Closed { code: None },
                packet => {
                    return said(packet)
                        .unwrap_or_else(|| panic!("a packet that no client knows: {packet}"));
                }
            }
        }
    }

    pub(crate) async fn expect<T: DeserializeOwned>(&mut self, wanted: &str) -> T {
        match self.next().await {
            Said::Event { name, data } if name == wanted => serde_json::from_value(data).unwrap(),
            other => panic!("not {wanted}: {other:?}"),
        }
    }

    pub(crate) async fn expect_ready(&mut self) -> Ready {
        match self.next().await {
            Said::Connected { sid } => assert_eq!(sid, self.sid, "Engine.IO's sid is Socket.IO's"),
            other => panic!("not connected: {other:?}"),
        }
        self.expect("relay:ready").await
    }

    /// Exactly the events `from..=to`, in order.
    pub(crate) async fn expect_numbers(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let event: Value = self.expect("event").await;
            assert_eq!(event["payload"]["n"], n, "{event}");
        }
    }

    /// `relay:bye` and the end, with a DISCONNECT exactly when it shall not come back.
    pub(crate) async fn expect_bye(&mut self) -> Bye {
        let bye: Bye = self.expect("relay:bye").await;
        if !bye.reconnect {
            assert_eq!(self.next().await, Said::Disconnected);
        }
        assert_eq!(self.next().await, Said::Closed { code: None });
        bye
    }

    /// The relay has ended this connection: what is left to say is the end, or nothing.
    pub(crate) async fn expect_ended(mut self) {
        let answer = Http::new(self.relay).get(&self.path()).await;
        if answer.status == 200 {
            self.take(&answer);
            assert_eq!(self.next().await, Said::Closed { code: None });
        }
        self.expect_gone().await;
    }

    /// The relay knows this connection no more.
    pub(crate) async fn expect_gone(&self) {
        let answer = Http::new(self.relay).get(&self.path()).await;
        expect_error(&answer, 400, 1);
    }
}

/// The packets of a payload.
pub(crate) fn packets(answer: &Answer) -> Vec<String> {
    let text = String::from_utf8(answer.body.clone()).expect("a payload is text");
    text.split(SEPARATOR).map(str::to_owned).collect()
}

/// Engine.IO's own error.
#[track_caller]
pub(crate) fn expect_error(answer: &Answer, status: u16, code: u64) {
    answer.expect(status);
    assert_eq!(answer.json()["code"], code, "{}", answer.text());
}
