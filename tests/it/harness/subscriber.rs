//! A Socket.IO client by hand, on tungstenite's WebSocket: it shows every packet, and can stop reading, stay silent, or
//! send what no client would.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use super::wait::within;

/// A connection that a test reads packet by packet.
pub(crate) struct Subscriber {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// What Engine.IO's open packet said.
    pub(crate) open: Value,
    /// Whether pings are answered.
    pub(crate) pongs: bool,
    acks: u64,
}

/// One thing the relay said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// Socket.IO CONNECT.
    Connected { sid: String },
    /// Socket.IO CONNECT_ERROR.
    Refused { message: String, data: Value },
    /// Socket.IO EVENT with one argument.
    Event { name: String, data: Value },
    /// Socket.IO ACK with one argument.
    Ack { id: u64, data: Value },
    /// Socket.IO DISCONNECT.
    Disconnected,
    /// The WebSocket ended; the code is that of the close frame, if there was one.
    Closed { code: Option<u16> },
}

/// `relay:ready`, exactly as the contract has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ready {
    pub(crate) session_id: String,
    pub(crate) connection_id: String,
    pub(crate) cursor: String,
    pub(crate) recovered: bool,
    pub(crate) replayed: u64,
    pub(crate) expires_at: i64,
}

/// An envelope, exactly as the contract has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) session_id: String,
    pub(crate) seq: u64,
    pub(crate) cursor: String,
    pub(crate) event: String,
    pub(crate) payload: Value,
    pub(crate) timestamp: String,
}

/// `relay:resync`, exactly as the contract has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resync {
    pub(crate) reason: String,
    pub(crate) cursor: String,
}

/// `relay:expiring`, exactly as the contract has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Expiring {
    pub(crate) expires_at: i64,
    pub(crate) in_seconds: i64,
}

/// `relay:bye`, exactly as the contract has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Bye {
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) reconnect: bool,
    pub(crate) after_ms: Option<u64>,
}

/// How to open a connection.
pub(crate) struct Opening {
    relay: SocketAddr,
    path: String,
    origin: Option<String>,
    receive_buffer: Option<u32>,
}

impl Opening {
    pub(crate) fn to(relay: SocketAddr) -> Self {
        Self {
            relay,
            path: "/socket.io/?EIO=4&transport=websocket".to_owned(),
            origin: None,
            receive_buffer: None,
        }
    }

    pub(crate) fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// A small one makes a client that stops reading felt at once.
    pub(crate) fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Up to Engine.IO's open packet, or what the relay answered in place of an upgrade.
    pub(crate) async fn try_open(self) -> Result<Subscriber, tungstenite::Error> {
        let mut subscriber = self.bare().await?;
        let open = subscriber
            .packet()
            .await
            .map_err(|_| tungstenite::Error::ConnectionClosed)?;
        let open = open
            .strip_prefix('0')
            .unwrap_or_else(|| panic!("not an open packet: {open}"));
        subscriber.open = serde_json::from_str(open).unwrap();
        Ok(subscriber)
    }

    /// A WebSocket on which nothing was said yet, or what the relay answered in place of an upgrade.
    pub(crate) async fn bare(self) -> Result<Subscriber, tungstenite::Error> {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(self.relay).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{}{}", self.relay, self.path).into_client_request()?;
        if let Some(origin) = self.origin {
            request
                .headers_mut()
                .insert("origin", origin.parse().unwrap());
        }
        let (socket, _) = within(
            "the upgrade",
            tokio_tungstenite::client_async(request, stream),
        )
        .await?;
        Ok(Subscriber {
            socket,
            open: Value::Null,
            pongs: true,
            acks: 0,
        })
    }

    pub(crate) async fn open(self) -> Subscriber {
        self.try_open().await.expect("an upgrade")
    }

    /// Opens and sends CONNECT with `auth`; the next thing said is the relay's answer to it.
    pub(crate) async fn connect(self, auth: &Value) -> Subscriber {
        let mut subscriber = self.open().await;
        subscriber.send(&format!("40{auth}")).await;
        subscriber
    }
}

impl Subscriber {
    /// Connects with a token, up to `relay:ready`.
    pub(crate) async fn join(relay: SocketAddr, token: &str) -> (Self, Ready) {
        Self::join_with(relay, &json!({ "token": token })).await
    }

    /// Comes back with a cursor.
    pub(crate) async fn resume(relay: SocketAddr, token: &str, cursor: &str) -> (Self, Ready) {
        Self::join_with(relay, &json!({ "token": token, "cursor": cursor })).await
    }

    pub(crate) async fn join_with(relay: SocketAddr, auth: &Value) -> (Self, Ready) {
        let mut subscriber = Opening::to(relay).connect(auth).await;
        let ready = subscriber.expect_ready().await;
        (subscriber, ready)
    }

    /// Connects with `auth`, which must be refused; answers with the code and what came with it.
    pub(crate) async fn refused(relay: SocketAddr, auth: &Value) -> (String, Value) {
        Opening::to(relay)
            .connect(auth)
            .await
            .expect_refused()
            .await
    }

    /// Sends one Engine.IO packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        self.socket
            .send(Message::text(packet))
            .await
            .expect("a packet can be sent");
    }

    /// Emits an event without asking for an acknowledgement.
    pub(crate) async fn emit(&mut self, name: &str, data: &Value) {
        self.send(&format!("42{}", json!([name, data]))).await;
    }

    /// Emits an event, and answers with its acknowledgement; what else comes meanwhile must be nothing.
    pub(crate) async fn ask(&mut self, name: &str, data: &Value) -> Value {
        let id = self.acks;
        self.acks += 1;
        self.send(&format!("42{id}{}", json!([name, data]))).await;
        match self.next().await {
            Said::Ack { id: answered, data } if answered == id => data,
            other => panic!("not the acknowledgement {id}: {other:?}"),
        }
    }

    /// The next thing the relay says; pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Said {
        within("the relay to say something", self.said()).await
    }

    /// The next packet as its text.
    pub(crate) async fn next_text(&mut self) -> String {
        within("a packet", self.packet()).await.expect("a packet")
    }

    /// What the relay says in this time, or nothing.
    pub(crate) async fn next_in(&mut self, time: Duration) -> Option<Said> {
        tokio::time::timeout(time, self.said()).await.ok()
    }

    /// Nothing more comes that was sent before now: the answer to a question overtakes nothing.
    pub(crate) async fn expect_silence(&mut self) {
        let answer = self.ask("nobody-knows-this", &Value::Null).await;
        assert_eq!(answer["code"], "unknown_event");
    }

    pub(crate) async fn expect_ready(&mut self) -> Ready {
        let Said::Connected { sid } = self.next().await else {
            panic!("not connected")
        };
        let ready: Ready = self.expect("relay:ready").await;
        assert_eq!(
            ready.connection_id, sid,
            "connectionId is the Socket.IO sid"
        );
        ready
    }

    pub(crate) async fn expect_refused(&mut self) -> (String, Value) {
        match self.next().await {
            Said::Refused { message, data } => (message, data),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn expect_event(&mut self) -> Envelope {
        self.expect("event").await
    }

    pub(crate) async fn expect_resync(&mut self) -> Resync {
        self.expect("relay:resync").await
    }

    /// `relay:bye`, and then the end as the contract has it: with a DISCONNECT exactly when it shall not come back.
    pub(crate) async fn expect_bye(&mut self) -> Bye {
        let bye: Bye = self.expect("relay:bye").await;
        let mut last = self.next().await;
        if !bye.reconnect {
            assert_eq!(
                last,
                Said::Disconnected,
                "a client that shall not come back is disconnected"
            );
            last = self.next().await;
        }
        assert!(
            matches!(last, Said::Closed { .. }),
            "nothing follows the bye: {last:?}"
        );
        bye
    }

    /// Exactly the events `from..=to`, in order.
    pub(crate) async fn expect_numbers(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let event = self.expect_event().await;
            assert_eq!(event.payload["n"], n, "{event:?}");
        }
    }

    pub(crate) async fn expect_closed(&mut self) -> Option<u16> {
        match self.next().await {
            Said::Closed { code } => code,
            other => panic!("not closed: {other:?}"),
        }
    }

    /// One event of this name, of this shape.
    pub(crate) async fn expect<T: serde::de::DeserializeOwned>(&mut self, wanted: &str) -> T {
        match self.next().await {
            Said::Event { name, data } if name == wanted => serde_json::from_value(data.clone())
                .unwrap_or_else(|error| panic!("{wanted}: {error}: {data}")),
            other => panic!("not {wanted}: {other:?}"),
        }
    }

    /// Leaves as a closed tab does.
    pub(crate) async fn leave(mut self) {
        let _ = self.socket.close(None).await;
    }

    async fn said(&mut self) -> Said {
        loop {
            let packet = match self.packet().await {
                Ok(packet) => packet,
                Err(code) => return Said::Closed { code },
            };
            if packet == "2" {
                if self.pongs {
                    self.send("3").await;
                }
                continue;
            }
            return said(&packet)
                .unwrap_or_else(|| panic!("a packet that no client knows: {packet}"));
        }
    }

    /// The next Engine.IO packet as text, or the code with which the connection ended.
    async fn packet(&mut self) -> Result<String, Option<u16>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(Message::Binary(bytes))) => panic!("binary: {bytes:?}"),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// Socket.IO 5 in Engine.IO messages: `4`, the packet's type, for acks the id, then JSON.
pub(crate) fn said(packet: &str) -> Option<Said> {
    let message = packet.strip_prefix('4')?;
    let (kind, rest) = message.split_at_checked(1)?;
    let json_from = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (id, rest) = rest.split_at(json_from);
    let data = || serde_json::from_str::<Value>(rest).ok();
    match kind {
        "0" => Some(Said::Connected {
            sid: data()?["sid"].as_str()?.to_owned(),
        }),
        "1" => Some(Said::Disconnected),
        "2" => {
            let [name, data] = <[Value; 2]>::try_from(data()?.as_array()?.clone()).ok()?;
            Some(Said::Event {
                name: name.as_str()?.to_owned(),
                data,
            })
        }
        "3" => {
            let [data] = <[Value; 1]>::try_from(data()?.as_array()?.clone()).ok()?;
            Some(Said::Ack {
                id: id.parse().ok()?,
                data,
            })
        }
        "4" => {
            let mut refusal = data()?;
            let data = refusal["data"].take();
            Some(Said::Refused {
                message: refusal["message"].as_str()?.to_owned(),
                data,
            })
        }
        _ => None,
    }
}
