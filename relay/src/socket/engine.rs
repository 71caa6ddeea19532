//! Engine.IO 4: what the packets of a client mean, whatever transport brought them.
//! <https://socket.io/docs/v4/engine-io-protocol/>

use std::sync::Arc;

use engineioxide_core::{Packet, ProtocolVersion};

use super::application::{Heard, Message};
use super::connection::Connection;
use super::frame::{Flow, Incoming, close};

impl Connection {
    /// One WebSocket message.
    pub(super) fn receive(self: &Arc<Self>, incoming: &Incoming<'_>) -> Heard {
        match incoming {
            Incoming::Text(text) if self.sockets.bare() => {
                self.heard(Message::Text((*text).to_owned().into()))
            }
            Incoming::Text("3") => {
                self.pong();
                Heard::Flow(Flow::Next)
            }
            Incoming::Text(text) => self.receive_text(text),
            Incoming::Binary(bytes) => self.heard(Message::Binary(bytes)),
            Incoming::Ping(payload) => {
                self.answer_ping(payload);
                Heard::Flow(Flow::Next)
            }
            Incoming::Pong => Heard::Flow(Flow::Next),
            Incoming::Close(code) => {
                self.close_with(code.unwrap_or(close::NORMAL), "");
                Heard::Flow(Flow::Stop)
            }
        }
    }

    fn receive_text(self: &Arc<Self>, text: &str) -> Heard {
        match Packet::parse(ProtocolVersion::V4, text.to_owned()) {
            // Base64 is how binary messages come over polling.
            Ok(Packet::Binary(_)) | Err(_) => {
                self.misunderstood("not an Engine.IO 4 packet over WebSocket");
                Heard::Misunderstood
            }
            Ok(packet) => self.receive_packet(packet),
        }
    }

    /// One Engine.IO packet.
    pub(super) fn receive_packet(self: &Arc<Self>, packet: Packet) -> Heard {
        match packet {
            Packet::Message(message) => self.heard(Message::Text(message)),
            Packet::Binary(bytes) => self.heard(Message::Binary(&bytes)),
            Packet::Pong => {
                self.pong();
                Heard::Flow(Flow::Next)
            }
            Packet::Close => {
                // A client that polls waits for no answer to it.
                if self.stream.get().is_some() {
                    self.close()
                } else {
                    self.remove()
                }
                Heard::Flow(Flow::Stop)
            }
            // Left over from an upgrade.
            Packet::Noop | Packet::Upgrade => Heard::Flow(Flow::Next),
            Packet::Ping | Packet::PingUpgrade => {
                self.misunderstood("pings are the server's: answer them with pongs");
                Heard::Misunderstood
            }
            _ => {
                self.misunderstood("not an Engine.IO 4 packet of a client");
                Heard::Misunderstood
            }
        }
    }

    fn heard(self: &Arc<Self>, message: Message<'_>) -> Heard {
        let application = Arc::clone(&self.sockets.application);
        application.message(self, message)
    }

    /// The client broke Engine.IO's rules.
    pub(super) fn misunderstood(self: &Arc<Self>, why: &'static str) {
        let application = Arc::clone(&self.sockets.application);
        application.misunderstood(self, why);
    }
}
