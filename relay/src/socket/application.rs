//! What stands behind the connections: whoever understands the messages in Engine.IO's packets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use engineioxide_core::Str;

use super::connection::Connection;
use super::frame::Flow;

/// What a client sent in an Engine.IO message.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// A text message.
    Text(Str),
    /// A binary message.
    #[cfg_attr(
        not(feature = "conformance"),
        expect(dead_code, reason = "the relay takes none: it looks no further")
    )]
    Binary(&'a [u8]),
}

/// What is to be done before the client's next message is read.
pub(crate) type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What an application makes of a message.
pub(crate) enum Heard {
    /// Go on, or not.
    Flow(Flow),
    /// Go on when this is done.
    Wait(Wait),
    /// The client broke the rules; what follows does not matter.
    Misunderstood,
}

/// See the module. The relay's is [`Conversation`](super::conversation::Conversation).
pub(crate) trait Application: Send + Sync {
    /// The connection has opened: it has sent Engine.IO's OPEN.
    fn opened(&self, connection: &Arc<Connection>);

    /// One message of the client.
    fn message(&self, connection: &Arc<Connection>, message: Message<'_>) -> Heard;

    /// Whether a page of this origin may read what it is answered.
    fn origin_allowed(&self, origin: &str) -> bool;

    /// The client broke Engine.IO's rules.
    fn misunderstood(&self, connection: &Arc<Connection>, why: &'static str);

    /// Whether its clients speak WebSocket without Engine.IO in it, as WebSocket's own suite does.
    #[cfg(feature = "conformance")]
    fn bare(&self) -> bool {
        false
    }
}
