//! The readers of what clients send, as functions of bytes, for tests/fuzz. Here with the feature `fuzz` only; a relay
//! never has it.

use axum::body::Bytes;
use engineioxide_core::{Packet, Sid};
use forge_relay_core::Code;
use forge_relay_core::message::{ConnectError, ConnectErrorData};
use futures_util::{FutureExt, StreamExt};

use super::frame::{self, Flow, FrameReader, Incoming};
use super::{packet, polling};

/// What was read of a WebSocket's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping and its payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The close frame and its code; nothing is read after it.
    Close(Option<u16>),
}

impl Read {
    fn of(incoming: &Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text((*text).to_owned()),
            Incoming::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Incoming::Ping(payload) => Self::Ping(payload.to_vec()),
            Incoming::Pong => Self::Pong,
            Incoming::Close(code) => Self::Close(*code),
        }
    }
}

/// How a client broke the protocol: the code to close with, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// RFC 6455's close code.
    pub code: u16,
    /// In words.
    pub why: &'static str,
}

/// What was read of a stream of frames.
#[derive(Debug, Default)]
pub struct Stream {
    /// In order.
    pub read: Vec<Read>,
    /// Where the client broke the protocol; nothing is read after it.
    pub fault: Option<Fault>,
    /// The most bytes that were kept between two pieces.
    pub kept: usize,
}

/// Reads a client's frames that arrive in `pieces`, up to the first close frame or fault. A message carries at most
/// `limit` bytes. After the messages whose bits are set in `pauses`, the receiver pauses.
pub fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize, pauses: u64) -> Stream {
    let mut reader = FrameReader::default();
    let mut stream = Stream::default();
    for piece in pieces {
        let mut piece = piece.to_vec();
        loop {
            let flow = reader.read(&mut piece, limit, |incoming| {
                stream.read.push(Read::of(&incoming));
                match incoming {
                    Incoming::Close(_) => Flow::Stop,
                    _ if pauses >> (stream.read.len() % 64) & 1 == 1 => Flow::Pause,
                    _ => Flow::Next,
                }
            });
            stream.kept = stream.kept.max(reader.kept());
            match flow {
                Ok(Flow::Pause) if reader.holds_unread() => piece.clear(),
                Ok(Flow::Stop) => return stream,
                Ok(_) => break,
                Err(frame::Fault { code, why }) => {
                    stream.fault = Some(Fault { code, why });
                    return stream;
                }
            }
        }
    }
    stream
}

/// A frame as the relay writes it, of text or of bytes.
pub fn frame(text: bool, payload: &[u8]) -> Vec<u8> {
    let opcode = if text {
        frame::Opcode::Text
    } else {
        frame::Opcode::Binary
    };
    frame::whole(opcode, payload).to_vec()
}

/// What a Socket.IO packet of a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It asks to be let in: the namespace, and the text of `auth`, at which nobody has looked.
    Connect(String, Option<String>),
    /// It leaves the namespace.
    Disconnect(String),
    /// It emits: namespace, name, the JSON of the first argument, and the id to acknowledge.
    Event(String, String, Option<String>, Option<i64>),
    /// Something that means nothing to the relay.
    Nothing,
}

impl From<packet::Said> for Said {
    fn from(said: packet::Said) -> Self {
        match said {
            packet::Said::Connect { namespace, auth } => Self::Connect(namespace, auth),
            packet::Said::Disconnect { namespace } => Self::Disconnect(namespace),
            packet::Said::Event {
                namespace,
                name,
                data,
                ack,
            } => {
                let data = data.map(|data| data.get().to_owned());
                Self::Event(namespace, name, data, ack)
            }
            packet::Said::Nothing => Self::Nothing,
        }
    }
}

/// Reads an Engine.IO payload, as a request brings it, of at most `limit` bytes: the packets up to the first that
/// cannot be read, and whether that is all there is.
pub fn payload(body: &[u8], limit: u64) -> (Vec<Packet>, bool) {
    let mut packets = std::pin::pin!(polling::packets(Bytes::copy_from_slice(body), limit));
    let mut all = Vec::new();
    // All of the body is there: nothing is waited for.
    while let Some(Some(packet)) = packets.next().now_or_never() {
        let Ok(packet) = packet else {
            return (all, false);
        };
        all.push(packet);
    }
    (all, true)
}

/// Reads a Socket.IO packet.
///
/// # Errors
/// Why it is not understood.
pub fn packet(text: &str) -> Result<Said, &'static str> {
    packet::read(text.to_owned().into()).map(Said::from)
}

/// The relay's answers in a namespace, as frames: to let in, to refuse, and to send away.
pub fn answers(namespace: &str) -> [Vec<u8>; 3] {
    let error = ConnectError {
        message: Code::NotFound,
        data: ConnectErrorData {
            detail: String::new(),
            retryable: false,
            after_ms: None,
        },
    };
    [
        packet::connected(namespace, Sid::ZERO).to_vec(),
        packet::connect_error(namespace, &error).to_vec(),
        packet::disconnect(namespace).to_vec(),
    ]
}

/// The frame of an event, and the envelope that is found in it again.
pub fn event(envelope: &forge_relay_core::Envelope<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
    let frame = packet::event(envelope);
    let found = packet::envelope(&frame).map(<[u8]>::to_vec);
    (frame.to_vec(), found)
}
