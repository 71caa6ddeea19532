//! Packets: Engine.IO 4 around Socket.IO 5, as text.
//!
//! ```text
//!   81 7e 01 2f  4 2 ["event",{"id":…,"timestamp":…}]
//!   └ frame ───┘ │ └ Socket.IO EVENT, its data ─────┘     <https://socket.io/docs/v4/socket-io-protocol/>
//!                └ Engine.IO message                      <https://socket.io/docs/v4/engine-io-protocol/>
//! ```

use std::cell::RefCell;
use std::sync::Arc;

use engineioxide_core::{OpenPacket, Packet as EnginePacket, Sid, Str};
use forge_relay_core::message::{ConnectError, EVENT};
use forge_relay_core::{Envelope, message};
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_parser_common::CommonParser;

use super::frame::{MAX_HEADER, Opcode, header_length, whole, write_header};
use crate::session::Frame;

/// What goes before the envelope in the frame of an event, after the frame's header.
const EVENT_HEAD: &[u8] = b"42[\"event\",";
const _: () = assert!(matches!(EVENT.as_bytes(), b"event"));

thread_local! {
    /// Where events are put together before they get their own, exact allocation.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The one encoding of an event: a whole WebSocket frame, for every client of its session.
pub(crate) fn event(envelope: &Envelope<'_>) -> Frame {
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.clear();
        bytes.extend_from_slice(&[0; MAX_HEADER]);
        bytes.extend_from_slice(EVENT_HEAD);
        envelope.write_json(bytes);
        bytes.push(b']');
        let mut header = [0; MAX_HEADER];
        let length = write_header(Opcode::Text, bytes.len() - MAX_HEADER, &mut header);
        let start = MAX_HEADER - length;
        bytes[start..MAX_HEADER].copy_from_slice(&header[..length]);
        let frame = Arc::from(&bytes[start..]);
        bytes.shrink_to(64 * 1024);
        frame
    })
}

/// The envelope in the frame of an event, as JSON; `None` where the bytes are no frame that [`event`] made.
pub(crate) fn envelope(frame: &[u8]) -> Option<&[u8]> {
    frame
        .get(header_length(frame)..)?
        .strip_prefix(EVENT_HEAD)?
        .strip_suffix(b"]")
}

/// The Engine.IO OPEN packet: how the connection is called and how often it is pinged.
pub(crate) fn open(packet: OpenPacket) -> Frame {
    engine(EnginePacket::Open(packet))
}

/// An Engine.IO packet as a frame.
pub(crate) fn engine(packet: EnginePacket) -> Frame {
    whole(Opcode::Text, String::from(packet).as_bytes())
}

/// The answer to CONNECT: the connection is in, under this sid.
pub(crate) fn connected(namespace: &str, sid: Sid) -> Frame {
    socket(Packet::connect(
        namespace.to_owned(),
        json(&serde_json::json!({ "sid": sid })).map(Value::from_text),
    ))
}

/// The refusal of CONNECT.
pub(crate) fn connect_error(namespace: &str, error: &ConnectError) -> Frame {
    // The parser's own CONNECT_ERROR packet has no room for `data`.
    let mut text = String::from("44");
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    text.push_str(json(error).as_deref().unwrap_or("{}"));
    whole(Opcode::Text, text.as_bytes())
}

/// DISCONNECT: the client is not to come back by itself.
pub(crate) fn disconnect(namespace: &str) -> Frame {
    socket(Packet::disconnect(namespace.to_owned()))
}

/// An event of the relay's own.
pub(crate) fn control(name: &str, data: &impl Serialize) -> Frame {
    let text = json(&(name, data)).unwrap_or_default();
    socket(Packet::event("/", Value::from_text(text)))
}

/// The acknowledgement of a client's event.
pub(crate) fn ack(id: i64, data: &impl Serialize) -> Frame {
    let text = json(&[data]).unwrap_or_default();
    socket(Packet::ack("/", Value::from_text(text), id))
}

trait FromText {
    fn from_text(text: String) -> Self;
}

impl FromText for Value {
    fn from_text(text: String) -> Self {
        Self::Str(text.into(), None)
    }
}

/// The contract's types have string keys and finite numbers: they always are JSON.
fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn socket(packet: Packet) -> Frame {
    match CommonParser.encode(packet) {
        Value::Str(text, _) => engine(EnginePacket::Message(text)),
        // The common parser encodes as text.
        Value::Bytes(bytes) => whole(Opcode::Binary, &bytes),
    }
}

/// What a client says, as far as the relay listens.
#[derive(Debug)]
pub(crate) enum Said {
    Connect {
        namespace: String,
        auth: Option<String>,
    },
    Disconnect {
        namespace: String,
    },
    Event {
        namespace: String,
        name: String,
        data: Option<Box<RawValue>>,
        ack: Option<i64>,
    },
    /// Something that a client may say and that means nothing here.
    Nothing,
}

/// Why a client's packet is not understood, in words for the client.
pub(crate) type Misunderstood = &'static str;

/// Reads the Socket.IO packet in an Engine.IO message.
pub(crate) fn read(message: Str) -> Result<Said, Misunderstood> {
    let parsed = CommonParser.decode_str(&ParseConfig::default(), &ParserState::default(), message);
    let Ok(Packet { inner, ns }) = parsed else {
        return Err("not a Socket.IO packet, or a binary one, which this relay does not take");
    };
    let namespace = ns.as_str().split('?').next().unwrap_or("/").to_owned();
    match inner {
        PacketData::Connect(data) => Ok(Said::Connect {
            namespace,
            auth: data.and_then(into_text),
        }),
        PacketData::Disconnect => Ok(Said::Disconnect { namespace }),
        PacketData::Event(data, ack) => {
            let text = into_text(data).unwrap_or_default();
            let Ok(parts) = serde_json::from_str::<Vec<Box<RawValue>>>(&text) else {
                return Err("an event is an array of its name and its data");
            };
            let mut parts = parts.into_iter();
            let name = parts
                .next()
                .and_then(|name| serde_json::from_str(name.get()).ok());
            let Some(name) = name else {
                return Err("an event begins with its name, a string");
            };
            Ok(Said::Event {
                namespace,
                name,
                data: parts.next(),
                ack,
            })
        }
        // The relay asks for no acknowledgement; a stray one changes nothing.
        PacketData::EventAck(..) => Ok(Said::Nothing),
        PacketData::ConnectError(_) => Err("CONNECT_ERROR is the server's packet"),
        PacketData::BinaryEvent(..) | PacketData::BinaryAck(..) => {
            Err("this relay takes no binary packets")
        }
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::Str(text, _) if !text.is_empty() => Some(text.as_str().to_owned()),
        _ => None,
    }
}

/// The relay's messages by their names.
pub(crate) fn ready(ready: &message::Ready) -> Frame {
    control(message::READY, ready)
}

/// See [`message::Resync`].
pub(crate) fn resync(resync: &message::Resync) -> Frame {
    control(message::RESYNC, resync)
}

/// See [`message::Expiring`].
pub(crate) fn expiring(expiring: &message::Expiring) -> Frame {
    control(message::EXPIRING, expiring)
}

/// See [`message::Bye`].
pub(crate) fn bye(bye: &message::Bye) -> Frame {
    control(message::BYE, bye)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use forge_relay_core::{Cursor, Epoch, Event, Rules};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Over all three forms of a frame's header.
        #[test]
        fn the_envelope_is_a_slice_of_the_frame_whatever_its_length(
            length in prop_oneof![0_usize..200, 65_200_usize..65_500], seq in 1_u64..1 << 53,
        ) {
            let text = serde_json::json!({
                "sessionId": "abc-123", "event": "vote.cast", "payload": "x".repeat(length),
                "nonce": "n", "timestamp": "2024-05-01T10:00:00Z",
            });
            let rules = Rules { payload_bytes: 70_000, ..Rules::default() };
            let parsed = Event::parse(text.to_string().as_bytes(), &rules, 1_714_557_600).unwrap();
            let cursor = Cursor { epoch: Epoch(7), seq };
            let said = Envelope::new(&parsed, "018f3338-3c60-7d0e-8a44-2f9e6f3b1c22", cursor);
            let mut json = Vec::new();
            said.write_json(&mut json);
            let frame = event(&said);
            prop_assert_eq!(envelope(&frame), Some(json.as_slice()));
        }

        #[test]
        fn other_bytes_have_no_envelope_and_do_no_harm(bytes: Vec<u8>) {
            prop_assert_eq!(envelope(&bytes), None);
        }
    }
}
