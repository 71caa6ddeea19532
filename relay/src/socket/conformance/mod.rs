//! What the protocols' own test suites talk to: never in a relay that serves.

mod echo;
mod namespaces;

use std::sync::Arc;

use self::echo::Echo;
use self::namespaces::Namespaces;
use super::application::Application;
use super::connection::Connection;
use super::frame::close;
use super::{SocketLimits, Sockets};
use crate::conformance::Suite;
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::stall::StallLimits;

/// How slow a suite's client may be.
pub(crate) const STALL: StallLimits = StallLimits {
    write_deadline: 10_000,
    least_rate: 0,
};
/// As the suites ask for it.
const LIMITS: SocketLimits = SocketLimits {
    message: 1_000_000,
    messages_per_second: 100_000,
    outbox: 16 << 20,
    catch_up_write: 1_000_000,
    stall: STALL,
    // The Socket.IO suite waits 2 s for this, and without CONNECT for three pings, of which the last is
    // due after 900 ms.
    handshake_deadline: 1_500,
    body_deadline: 10_000,
    ping_interval: 300,
    ping_timeout: 200,
    token_leeway: 0,
};

/// The connections of a suite's server.
pub(crate) fn sockets(
    suite: Suite,
    metrics: Arc<Metrics>,
    outboxes: Arc<Outboxes>,
    capacity: usize,
) -> Arc<Sockets> {
    let mut limits = LIMITS;
    let application: Arc<dyn Application> = match suite {
        Suite::Engine => Arc::new(Echo { bare: false }),
        Suite::Socket => Arc::new(Namespaces::default()),
        Suite::WebSocket => {
            // Its clients know no pings of Engine.IO.
            limits.ping_interval = u64::from(u32::MAX);
            Arc::new(Echo { bare: true })
        }
    };
    Sockets::with_limits(application, metrics, outboxes, limits, capacity)
}

/// Ends a client that broke the protocol, as the suites want it: of one that polls, nothing is left to
/// be polled for.
fn end(connection: &Arc<Connection>, why: &str) {
    let polls = connection.state().polling.is_some();
    if polls {
        connection.remove();
    } else {
        connection.close_with(close::POLICY, why);
    }
}
