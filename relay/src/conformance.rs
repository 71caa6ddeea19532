//! The relay's accept loop and socket layer with the handlers of the protocols' own test suites behind
//! them. Here with the feature `conformance` only; a relay that serves never has it.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;

use crate::accept::Acceptor;
use crate::capacity::capacity;
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::socket::conformance::{STALL, sockets};

/// What may wait in all outboxes, in bytes.
const ALL_OUTBOXES: usize = 256 << 20;
const DEADLINE: Duration = Duration::from_secs(10);

/// Whose suite is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// The Engine.IO 4 suite, at `/engine.io/`: every message comes back.
    Engine,
    /// The Socket.IO 5 suite, at `/socket.io/`: the handlers that its specification lists.
    Socket,
    /// A WebSocket suite, at `/engine.io/?EIO=4&transport=websocket`, without Engine.IO in the frames:
    /// every message comes back.
    WebSocket,
}

/// Serves a suite on `listener` until it is dropped.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(listener: TcpListener, suite: Suite) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let metrics = Arc::new(Metrics::new());
    let outboxes = Arc::new(Outboxes::new(ALL_OUTBOXES));
    let capacity = capacity();
    let sockets = sockets(suite, Arc::clone(&metrics), Arc::clone(&outboxes), capacity);
    // Never told to stop: the caller drops it all.
    let (_stop, stopped) = watch::channel(false);
    let acceptor = Acceptor {
        router: Router::new(),
        sockets: Arc::clone(&sockets),
        socket_path: match suite {
            Suite::Socket => "/socket.io/",
            Suite::Engine | Suite::WebSocket => "/engine.io/",
        },
        metrics,
        capacity,
        header_deadline: DEADLINE,
        line: STALL,
        outboxes: Arc::clone(&outboxes),
        trusted_proxies: Vec::new(),
        require_https: false,
        long_polling: true,
        stop: stopped,
    };
    let slow = Arc::clone(&sockets);
    tokio::join!(
        sockets.keep(),
        outboxes.keep(|| slow.slow()),
        acceptor.accept(listener)
    );
    Ok(())
}
