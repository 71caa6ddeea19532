//! One client: a WebSocket or HTTP long polling, Engine.IO and Socket.IO just large enough to join a session and to hear
//! its events; or a stream of server-sent events.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::event_stream::EventStream;
use super::options::{Transport, session_id};
use crate::websocket;

/// Source addresses, so that a run of many connections does not run out of ports of one.
const SOURCES: usize = 16;

/// What a client heard that the reader must know.
pub(crate) enum Heard<'a> {
    /// It is in its session.
    Joined,
    /// `event`, as the whole message.
    Event(&'a [u8]),
    /// `relay:resync`.
    Resync,
}

/// Between the packets of a polling payload.
const SEPARATOR: u8 = 0x1e;

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// WebSocket only.
    Upgrading,
    Opening,
    Joining,
    Joined,
}

pub(crate) struct Connection {
    stream: TcpStream,
    stage: Stage,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    token: String,
    carrier: Carrier,
}

/// What its session comes by.
enum Carrier {
    Websocket,
    /// The path of its polls. It has one request in flight at any time, on one TCP connection: the answer to a ping goes
    /// out in place of the next poll.
    Polling(String),
    /// Its path, and what is read.
    Stream(String, EventStream),
}

impl Connection {
    /// Starts to connect; `token` says who, and to which session.
    pub(crate) fn open(
        server: SocketAddr,
        client: usize,
        session: u16,
        token: String,
        transport: Transport,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(server),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if server.ip().is_loopback() && server.is_ipv4() {
            let source = Ipv4Addr::new(127, 0, 0, 2 + (client % SOURCES) as u8);
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(nix::errno::Errno::EINPROGRESS as i32) => {
                return Err(error);
            }
            _ => {}
        }
        Ok(Self {
            stream: TcpStream::from_std(socket.into()),
            stage: Stage::Connecting,
            rest: Vec::new(),
            token,
            carrier: match transport {
                Transport::Websocket => Carrier::Websocket,
                Transport::Polling => {
                    Carrier::Polling("/socket.io/?EIO=4&transport=polling".to_owned())
                }
                Transport::Sse => Carrier::Stream(
                    format!("/sessions/{}/events", session_id(session)),
                    EventStream::default(),
                ),
            },
        })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// The socket can be written to: the first time, that means connected.
    pub(crate) fn writable(&mut self) -> io::Result<()> {
        if self.stage != Stage::Connecting {
            return Ok(());
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match &self.carrier {
            Carrier::Websocket => {}
            Carrier::Polling(_) => {
                self.stage = Stage::Opening;
                return self.poll();
            }
            Carrier::Stream(path, _) => {
                self.stage = Stage::Joining;
                let token = std::mem::take(&mut self.token);
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\
                     Authorization: Bearer {token}\r\n\r\n"
                );
                return self.send(request.as_bytes());
            }
        }
        self.stage = Stage::Upgrading;
        self.send(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
    }

    /// Reads all that is there and tells it; answers how many bytes that was. An error is the end of the connection.
    pub(crate) fn readable(
        &mut self,
        buffer: &mut [u8],
        mut tell: impl FnMut(Heard<'_>),
    ) -> io::Result<usize> {
        let mut all = 0;
        if self.stage == Stage::Connecting {
            return Ok(all);
        }
        loop {
            let kept = self.rest.len();
            if kept >= buffer.len() {
                return Err(wrong("a frame larger than any that was published"));
            }
            let read = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(all),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            all += read;
            buffer[..kept].copy_from_slice(&self.rest);
            let bytes = &buffer[..kept + read];
            let used = self.understand(bytes, &mut tell)?;
            self.rest.clear();
            self.rest.extend_from_slice(&bytes[used..]);
            // A short read emptied the socket: the next byte is a new readiness (epoll(7), edge-triggered).
            if bytes.len() < buffer.len() {
                return Ok(all);
            }
        }
    }

    /// Handles what is whole in `bytes` and says how much that was.
    fn understand(&mut self, bytes: &[u8], tell: &mut impl FnMut(Heard<'_>)) -> io::Result<usize> {
        match &mut self.carrier {
            Carrier::Websocket => {}
            Carrier::Polling(_) => return self.understand_answer(bytes, tell),
            Carrier::Stream(_, stream) => {
                let stage = &mut self.stage;
                return stream.read(bytes, |heard| {
                    if matches!(heard, Heard::Joined) {
                        *stage = Stage::Joined;
                    }
                    tell(heard);
                });
            }
        }
        let mut at = 0;
        if self.stage == Stage::Upgrading {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                return Ok(0);
            };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Err(wrong(&format!(
                    "no upgrade, but: {}",
                    String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
                )));
            }
            self.stage = Stage::Opening;
            at = end + 4;
        }
        while let Some(frame) = websocket::read(&bytes[at..]).map_err(wrong)? {
            let payload = &bytes[at..][frame.payload.clone()];
            match frame.opcode {
                websocket::TEXT => self.message(payload, tell)?,
                websocket::PING => self.send_frame(websocket::PONG, payload)?,
                websocket::CLOSE => return Err(io::ErrorKind::UnexpectedEof.into()),
                websocket::PONG => {}
                _ => return Err(wrong("a frame that is neither text nor control")),
            }
            at += frame.payload.end;
        }
        Ok(at)
    }

    /// The answer to the one request in flight; the next request follows it.
    fn understand_answer(
        &mut self,
        bytes: &[u8],
        tell: &mut impl FnMut(Heard<'_>),
    ) -> io::Result<usize> {
        let Some(body) = answer(bytes)? else {
            return Ok(0);
        };
        let payload = &bytes[body.clone()];
        if self.stage == Stage::Opening {
            self.learn_sid(payload)?;
            self.stage = Stage::Joining;
            let connect = format!("40{{\"token\":\"{}\"}}", self.token);
            self.token = String::new();
            self.post(&connect)?;
            return Ok(body.end);
        }
        // What a post is answered with says nothing.
        let mut pinged = false;
        if !payload.eq_ignore_ascii_case(b"ok") {
            for packet in payload.split(|byte| *byte == SEPARATOR) {
                match packet {
                    [b'2'] => pinged = true,
                    [b'1'] => return Err(io::ErrorKind::UnexpectedEof.into()),
                    packet => self.message(packet, tell)?,
                }
            }
        }
        if pinged {
            self.post("3")?;
        } else {
            self.poll()?;
        }
        Ok(body.end)
    }

    fn learn_sid(&mut self, open: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(open).map_err(|_| wrong("an answer that is not text"))?;
        let sid = text
            .split_once("\"sid\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(sid, _)| sid);
        let Some(sid) = sid else {
            return Err(wrong(&format!("no sid in: {text}")));
        };
        if let Carrier::Polling(path) = &mut self.carrier {
            path.push_str("&sid=");
            path.push_str(sid);
        }
        Ok(())
    }

    fn path(&self) -> &str {
        match &self.carrier {
            Carrier::Websocket => "",
            Carrier::Polling(path) | Carrier::Stream(path, _) => path,
        }
    }

    fn poll(&mut self) -> io::Result<()> {
        let path = self.path();
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        self.send(request.as_bytes())
    }

    fn post(&mut self, payload: &str) -> io::Result<()> {
        let path = self.path();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain;charset=UTF-8\r\n\
             Content-Length: {}\r\n\r\n{payload}",
            payload.len()
        );
        self.send(request.as_bytes())
    }

    /// An Engine.IO packet, and in `4` a Socket.IO packet.
    fn message(&mut self, text: &[u8], tell: &mut impl FnMut(Heard<'_>)) -> io::Result<()> {
        match text {
            [b'4', b'2', event @ ..] => {
                if event.starts_with(b"[\"event\",") {
                    tell(Heard::Event(text));
                } else if event.starts_with(b"[\"relay:resync\"") {
                    tell(Heard::Resync);
                }
            }
            [b'0', ..] if self.stage == Stage::Opening => {
                self.stage = Stage::Joining;
                let connect = format!("40{{\"token\":\"{}\"}}", self.token);
                self.token = String::new();
                self.send_frame(websocket::TEXT, connect.as_bytes())?;
            }
            [b'4', b'0', ..] if self.stage == Stage::Joining => {
                self.stage = Stage::Joined;
                tell(Heard::Joined);
            }
            [b'2'] => self.send_frame(websocket::TEXT, b"3")?,
            [b'6', ..] => {}
            [b'4', b'4', ..] => {
                return Err(wrong(&format!(
                    "refused: {}",
                    String::from_utf8_lossy(text)
                )));
            }
            _ => {
                return Err(wrong(&format!(
                    "unexpected: {}",
                    String::from_utf8_lossy(&text[..text.len().min(200)])
                )));
            }
        }
        Ok(())
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 8);
        websocket::write_masked(&mut frame, opcode, payload);
        self.send(&frame)
    }

    /// All that a client sends is small and rare: a socket that does not take it whole has a dead server behind it.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = self.stream.write(bytes)?;
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(wrong("the server does not read"))
        }
    }
}

/// Where the body of an HTTP answer lies in `bytes`; `None` when it is not whole yet.
fn answer(bytes: &[u8]) -> io::Result<Option<std::ops::Range<usize>>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(wrong(&format!(
            "no payload, but: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(400)])
        )));
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or_else(|| wrong("an answer without Content-Length"))?;
    let body = end + 4..end + 4 + length;
    Ok((bytes.len() >= body.end).then_some(body))
}

pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::other(what)
}
