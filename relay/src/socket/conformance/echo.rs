//! Every message comes back: the server of the Engine.IO suite, and of WebSocket's.

use std::sync::Arc;

use engineioxide_core::Packet;

use crate::socket::application::{Application, Heard, Message};
use crate::socket::connection::Connection;
use crate::socket::frame::{Flow, Opcode, whole};
use crate::socket::packet;

pub(super) struct Echo {
    /// Without Engine.IO.
    pub(super) bare: bool,
}

impl Application for Echo {
    fn opened(&self, connection: &Arc<Connection>) {
        // Engine.IO has no handshake beyond this.
        connection.open(&mut connection.state());
    }

    fn message(&self, connection: &Arc<Connection>, message: Message<'_>) -> Heard {
        connection.control(match message {
            Message::Text(text) if self.bare => whole(Opcode::Text, text.as_bytes()),
            Message::Text(text) => packet::engine(Packet::Message(text)),
            Message::Binary(bytes) => whole(Opcode::Binary, bytes),
        });
        Heard::Flow(Flow::Next)
    }

    fn origin_allowed(&self, _: &str) -> bool {
        true
    }

    fn misunderstood(&self, connection: &Arc<Connection>, why: &'static str) {
        super::end(connection, why);
    }

    fn bare(&self) -> bool {
        self.bare
    }
}
