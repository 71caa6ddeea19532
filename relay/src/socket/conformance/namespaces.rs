//! The server of the Socket.IO suite, as the specification lists it:
//! <https://socket.io/docs/v4/socket-io-protocol/#test-suite>.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use engineioxide_core::{Packet as EnginePacket, Sid};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParseError, ParserState};
use socketioxide_core::{Str, Value};
use socketioxide_parser_common::CommonParser;

use crate::socket::application::{Application, Heard, Message};
use crate::socket::connection::Connection;
use crate::socket::frame::{Flow, Opcode, whole};
use crate::socket::packet;

/// One client.
struct Peer {
    connection: Weak<Connection>,
    /// Where it has connected.
    namespaces: BTreeSet<String>,
    /// The packet whose attachments have not all come.
    parser: ParserState,
}

/// See the module.
#[derive(Default)]
pub(super) struct Namespaces {
    peers: Mutex<HashMap<Sid, Peer>>,
}

impl Application for Namespaces {
    fn opened(&self, connection: &Arc<Connection>) {
        let mut peers = self.peers.lock();
        peers.retain(|_, peer| peer.connection.strong_count() > 0);
        let peer = Peer {
            connection: Arc::downgrade(connection),
            namespaces: BTreeSet::new(),
            parser: ParserState::default(),
        };
        peers.insert(connection.sid, peer);
    }

    fn message(&self, connection: &Arc<Connection>, message: Message<'_>) -> Heard {
        let mut peers = self.peers.lock();
        let Some(peer) = peers.get_mut(&connection.sid) else {
            return Heard::Misunderstood;
        };
        let config = ParseConfig::default();
        let parsed = match message {
            Message::Text(text) => CommonParser.decode_str(&config, &peer.parser, text),
            Message::Binary(bytes) => {
                CommonParser.decode_bin(&config, &peer.parser, Bytes::copy_from_slice(bytes))
            }
        };
        let heard = match parsed {
            Ok(packet) => peer.packet(connection, packet),
            Err(ParseError::NeedsMoreBinaryData) => Some(()),
            Err(_) => None,
        };
        drop(peers);
        if heard.is_some() {
            return Heard::Flow(Flow::Next);
        }
        self.misunderstood(connection, "not a packet of the Socket.IO suite");
        Heard::Misunderstood
    }

    fn origin_allowed(&self, _: &str) -> bool {
        true
    }

    fn misunderstood(&self, connection: &Arc<Connection>, why: &'static str) {
        super::end(connection, why);
    }
}

impl Peer {
    /// `None` where the client breaks the protocol.
    fn packet(&mut self, connection: &Connection, Packet { inner, ns }: Packet) -> Option<()> {
        match inner {
            PacketData::Connect(auth) => self.connect(connection, &ns, auth)?,
            PacketData::Disconnect => {
                self.namespaces.remove(ns.as_str());
            }
            PacketData::Event(data, ack) | PacketData::BinaryEvent(data, ack) => {
                if !self.namespaces.contains(ns.as_str()) {
                    return None;
                }
                event(connection, ns, data, ack)?;
            }
            PacketData::EventAck(..) | PacketData::BinaryAck(..) => {}
            PacketData::ConnectError(_) => return None,
        }
        Some(())
    }

    fn connect(&mut self, connection: &Connection, ns: &Str, auth: Option<Value>) -> Option<()> {
        if !matches!(ns.as_str(), "/" | "/custom") {
            send(
                connection,
                Packet::connect_error(ns.clone(), "Invalid namespace"),
            );
            return Some(());
        }
        let auth = match auth {
            Some(Value::Str(text, _)) => text.as_str().to_owned(),
            Some(Value::Bytes(_)) => return None,
            None => "{}".to_owned(),
        };
        serde_json::from_str::<&RawValue>(&auth).ok()?;
        self.namespaces.insert(ns.as_str().to_owned());
        connection.open(&mut connection.state());
        connection.control(packet::connected(ns.as_str(), connection.sid));
        let text = format!("[\"auth\",{auth}]");
        send(
            connection,
            Packet::event(ns.clone(), Value::Str(text.into(), None)),
        );
        Some(())
    }
}

/// `message` comes back as `message-back`, `message-with-ack` as its acknowledgement.
fn event(connection: &Connection, ns: Str, data: Value, ack: Option<i64>) -> Option<()> {
    let Value::Str(text, attachments) = data else {
        return None;
    };
    let parts: Vec<&RawValue> = serde_json::from_str(text.as_str()).ok()?;
    let (name, rest) = parts.split_first()?;
    let name: String = serde_json::from_str(name.get()).ok()?;
    let rest = rest.iter().map(|part| part.get()).collect::<Vec<_>>();
    match (name.as_str(), ack) {
        ("message", _) => {
            let mut back = vec!["\"message-back\""];
            back.extend(rest);
            let text = format!("[{}]", back.join(","));
            send(
                connection,
                Packet::event(ns, Value::Str(text.into(), attachments)),
            );
        }
        ("message-with-ack", Some(id)) => {
            let text = format!("[{}]", rest.join(","));
            send(
                connection,
                Packet::ack(ns, Value::Str(text.into(), attachments), id),
            );
        }
        _ => {}
    }
    Some(())
}

fn send(connection: &Connection, packet: Packet) {
    match CommonParser.encode(packet) {
        Value::Str(text, attachments) => {
            connection.control(packet::engine(EnginePacket::Message(text)));
            for bytes in attachments.into_iter().flatten() {
                connection.control(whole(Opcode::Binary, &bytes));
            }
        }
        Value::Bytes(bytes) => connection.control(whole(Opcode::Binary, &bytes)),
    }
}
