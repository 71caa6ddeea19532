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
        bytes.clear();
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
    #![allow(clippy::unwrap_used, clippy::panic)]

    use forge_relay_core::{Cursor, Epoch, Event, ResyncReason, Rules};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const ID: &str = "018f3b1e-0000-7000-8000-000000000001";
    const CURSOR: Cursor = Cursor {
        epoch: Epoch(7),
        seq: 42,
    };

    fn published(payload: &str) -> Event {
        let body = format!(
            r#"{{"sessionId":"abc-123","event":"vote.cast","payload":{payload},
                "nonce":"n","timestamp":"2024-05-01T10:00:00Z"}}"#
        );
        let rules = Rules {
            payload_bytes: 1 << 20,
            ..Rules::default()
        };
        Event::parse(body.as_bytes(), &rules, 1_714_557_600).unwrap()
    }

    /// The frame's header and its text, by the three length forms of RFC 6455 §5.2.
    fn split(frame: &[u8]) -> (&[u8], &str) {
        let header = match frame[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let (header, text) = frame.split_at(header);
        (header, std::str::from_utf8(text).unwrap())
    }

    fn text_of(frame: &Frame) -> String {
        split(frame).1.to_owned()
    }

    // ---- what the relay says ----

    #[test]
    fn an_events_frame_is_its_header_and_its_envelope_byte_for_byte() {
        let sizes = [2, 100, 1_000, 60_000, 66_000, 70_000, 300_000];
        // Back to the smallest: what the largest left behind does not show.
        for size in sizes.into_iter().chain(sizes.into_iter().rev()) {
            let payload = format!("\"{}\"", "x".repeat(size));
            let event = published(&payload);
            let envelope = Envelope::new(&event, ID, CURSOR);
            let expected = format!(
                "42[\"event\",{}]",
                serde_json::to_string(&envelope).unwrap()
            );
            let length = expected.len();
            let mut header = vec![0x81];
            if length < 126 {
                header.push(u8::try_from(length).unwrap());
            } else if let Ok(length) = u16::try_from(length) {
                header.push(126);
                header.extend_from_slice(&length.to_be_bytes());
            } else {
                header.push(127);
                header.extend_from_slice(&(length as u64).to_be_bytes());
            }
            let frame = super::event(&envelope);
            let json = serde_json::to_vec(&envelope).unwrap();
            assert_eq!(super::envelope(&frame), Some(json.as_slice()));
            assert_eq!(*frame, [header, expected.into_bytes()].concat());

            let (_, text) = split(&frame);
            let (name, data): (String, serde_json::Value) =
                serde_json::from_str(text.strip_prefix("42").unwrap()).unwrap();
            assert_eq!(name, "event");
            assert_eq!(data["payload"].as_str().unwrap().len(), size);
            assert_eq!(data["seq"], 42);
            assert_eq!(data["cursor"], CURSOR.to_string());
        }
    }

    #[test]
    fn the_scratch_of_a_thread_does_not_stay_large() {
        let event = published(&format!("\"{}\"", "x".repeat(500_000)));
        super::event(&Envelope::new(&event, ID, CURSOR));
        SCRATCH.with_borrow(|scratch| assert!(scratch.capacity() <= 64 * 1024));
    }

    #[test]
    fn a_payload_is_passed_on_as_its_own_text() {
        let payload = r#"{"b":1.0,"a":1e5,"a":-0,"u":"\u00e9é😀\/"}"#;
        let event = published(payload);
        let frame = super::event(&Envelope::new(&event, ID, CURSOR));
        let expected = format!(r#""payload":{payload},"timestamp":"#);
        assert!(split(&frame).1.contains(&expected));
    }

    #[test]
    fn every_packet_of_the_relay_is_the_protocols_text() {
        let sid = Sid::new();
        let open = open(OpenPacket {
            sid,
            upgrades: std::iter::empty().collect(),
            ping_interval: std::time::Duration::from_secs(25),
            ping_timeout: std::time::Duration::from_secs(20),
            max_payload: 16_384,
        });
        assert_eq!(
            text_of(&open),
            format!(
                r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16384}}"#
            )
        );
        assert_eq!(text_of(&engine(EnginePacket::Ping)), "2");
        let connect = format!(r#"{{"sid":"{sid}"}}"#);
        assert_eq!(text_of(&connected("/", sid)), format!("40{connect}"));
        assert_eq!(text_of(&connected("/x", sid)), format!("40/x,{connect}"));
        assert_eq!(text_of(&disconnect("/")), "41");
        assert_eq!(text_of(&disconnect("/x")), "41/x,");
        assert_eq!(text_of(&ack(12, &"a")), r#"4312["a"]"#);
        let cursor = CURSOR;
        let resync = resync(&message::Resync {
            reason: ResyncReason::FellBehind,
            cursor,
        });
        assert_eq!(
            text_of(&resync),
            format!(r#"42["relay:resync",{{"reason":"fell_behind","cursor":"{cursor}"}}]"#)
        );
    }

    #[test]
    fn a_refusal_names_its_namespace_unless_it_is_the_main_one() {
        let error = ConnectError {
            message: forge_relay_core::Code::TokenMissing,
            data: message::ConnectErrorData {
                detail: "d\"".to_owned(),
                retryable: false,
                after_ms: None,
            },
        };
        let json = r#"{"message":"token_missing","data":{"detail":"d\"","retryable":false}}"#;
        let in_main = connect_error("/", &error);
        assert_eq!(text_of(&in_main), format!("44{json}"));
        let elsewhere = connect_error("/admin", &error);
        assert_eq!(text_of(&elsewhere), format!("44/admin,{json}"));
    }

    // ---- what clients say ----

    /// A short form of what was understood.
    fn said(packet: &str) -> String {
        match read(packet.to_owned().into()) {
            Ok(Said::Connect { namespace, auth }) => {
                format!("connect {namespace} {}", auth.as_deref().unwrap_or("-"))
            }
            Ok(Said::Disconnect { namespace }) => format!("disconnect {namespace}"),
            Ok(Said::Event {
                namespace,
                name,
                data,
                ack,
            }) => {
                let data = data.as_deref().map_or("-", RawValue::get);
                format!("event {namespace} {name} {data} {ack:?}")
            }
            Ok(Said::Nothing) => "nothing".to_owned(),
            Err(_) => "misunderstood".to_owned(),
        }
    }

    #[test]
    fn each_packet_of_a_client_is_understood_or_refused() {
        for (packet, expected) in [
            ("0", "connect / -"),
            (r#"0{"token":"t"}"#, r#"connect / {"token":"t"}"#),
            ("0/admin,", "connect /admin -"),
            ("0/admin", "connect /admin -"),
            (r#"0/admin,{"a":1}"#, r#"connect /admin {"a":1}"#),
            ("0/?a=b,{}", "connect / {}"),
            ("0/admin?a=b,{}", "connect /admin {}"),
            ("1", "disconnect /"),
            ("1/admin,", "disconnect /admin"),
            (r#"2["a"]"#, "event / a - None"),
            (r#"2["a",{"b":[1]},3]"#, r#"event / a {"b":[1]} None"#),
            (r#"27["a",null]"#, "event / a null Some(7)"),
            (r#"2/x,7["a"]"#, "event /x a - Some(7)"),
            (r#"2["\u0061é"]"#, "event / aé - None"),
            (r#"20["a"]"#, "event / a - Some(0)"),
            // An id beyond i64 cannot be answered: the event is one without an ack.
            (r#"299999999999999999999["a"]"#, "event / a - None"),
            ("3[]", "misunderstood"),
            ("31[]", "nothing"),
            ("", "misunderstood"),
            ("2", "misunderstood"),
            ("2[]", "misunderstood"),
            ("2[1]", "misunderstood"),
            ("2[null]", "misunderstood"),
            ("2{}", "misunderstood"),
            ("2\"a\"", "misunderstood"),
            (r#"2["a""#, "misunderstood"),
            (r#"2["a"]x"#, "misunderstood"),
            (r#"2-1["a"]"#, "misunderstood"),
            ("4{}", "misunderstood"),
            (r#"50-["a"]"#, "misunderstood"),
            (r#"51-["a",{"_placeholder":true,"num":0}]"#, "misunderstood"),
            ("60-1[]", "misunderstood"),
            ("61-1[]", "misunderstood"),
            ("5", "misunderstood"),
            ("5é", "misunderstood"),
            ("7", "misunderstood"),
            ("é", "misunderstood"),
            (" 2[\"a\"]", "misunderstood"),
        ] {
            assert_eq!(said(packet), expected, "{packet}");
        }
    }

    #[test]
    fn an_event_as_deep_as_a_message_allows_overflows_no_stack() {
        let deep = format!("2[\"a\",{}{}]", "[".repeat(500_000), "]".repeat(500_000));
        // Understood or not: it returns.
        let _ = said(&deep);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 500,
            rng_seed: RngSeed::Fixed(5),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn other_bytes_have_no_envelope_and_do_no_harm(bytes: Vec<u8>) {
            prop_assert_eq!(envelope(&bytes), None);
        }

        #[test]
        fn no_text_makes_the_reader_panic(
            text in prop_oneof![
                any::<String>(),
                "[0-7]{0,2}(/[a-zé?,]{0,4},?)?-?[0-9]{0,22}[\\[{]?[\"a-zé😀\\\\,:0-9\\[\\]{}]{0,16}[\\]}]?",
            ],
        ) {
            let _ = read(text.into());
        }

        #[test]
        fn an_event_of_a_client_is_read_back(
            name in any::<String>(),
            data in proptest::option::of(any::<String>()),
            ack in proptest::option::of(0..i64::MAX),
        ) {
            let json = match &data {
                Some(data) => serde_json::to_string(&(&name, data)).unwrap(),
                None => serde_json::to_string(&[&name]).unwrap(),
            };
            let id = ack.map(|id| id.to_string()).unwrap_or_default();
            let Ok(Said::Event { namespace, name: read_name, data: read_data, ack: read_ack }) =
                read(format!("2{id}{json}").into())
            else {
                panic!("an event")
            };
            prop_assert_eq!((namespace.as_str(), read_name, read_ack), ("/", name, ack));
            let read_data = read_data.map(|raw| serde_json::from_str(raw.get()).unwrap());
            prop_assert_eq!(read_data, data);
        }
    }
}
