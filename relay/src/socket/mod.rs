//! Connections: WebSocket (RFC 6455), Engine.IO 4 and Socket.IO 5. Nothing else knows a packet.
//!
//! | file | what |
//! |---|---|
//! | `upgrade` | the HTTP request that becomes a connection |
//! | `frame` | WebSocket frames, read strictly |
//! | `packet` | Engine.IO and Socket.IO packets; the one encoding of an event |
//! | `connection` | a connection: phases, sending, deadlines |
//! | `engine` | what Engine.IO's packets mean |
//! | `application` | who stands behind the connections |
//! | `conversation` | the relay's application: what clients say and are answered |
//! | `membership` | what makes a connection a subscriber |
//! | `polling`, `stamp`, `probe` | the other transport, its polls, and the way from it to WebSocket |
//! | `task` | the future that reads, and catches up |
//! | `stream` | the bytes below |
//! | `wheel` | one timer wheel for all |
//! | `conformance` | with the feature of that name: what the protocols' own suites talk to |

mod application;
#[cfg(feature = "conformance")]
pub(crate) mod conformance;
mod connection;
mod conversation;
mod engine;
mod frame;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod membership;
mod packet;
mod polling;
mod probe;
mod stamp;
mod stream;
mod task;
mod upgrade;
mod wheel;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engineioxide_core::{OpenPacket, Sid, TransportType};
use forge_relay_core::Code;
use parking_lot::Mutex;
use slab::Slab;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use self::application::Application;
use self::connection::{Carrier, Connection};
use self::stream::Stream;
use self::wheel::Wheel;
use crate::capacity::Permit;
use crate::come_back;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::outboxes::{Outboxes, Slow};
use crate::stall::{Millis, StallLimits, millis};

pub(crate) use conversation::Conversation;
pub(crate) use packet::{envelope, event as encode_event};
pub(crate) use task::Task;
pub(crate) use upgrade::{Bad, PATH, Ticket, Transport, refuse, transport, upgrade};

/// The limits of a connection, in the units of this room.
#[derive(Debug, Clone)]
struct SocketLimits {
    message: usize,
    messages_per_second: u32,
    outbox: usize,
    catch_up_write: usize,
    stall: StallLimits,
    handshake_deadline: Millis,
    body_deadline: Millis,
    ping_interval: Millis,
    ping_timeout: Millis,
    /// Seconds.
    token_leeway: i64,
}

impl SocketLimits {
    fn of(limits: &Limits) -> Self {
        Self {
            message: limits.message,
            messages_per_second: limits.messages_per_second,
            outbox: limits.outbox,
            catch_up_write: limits.catch_up_write,
            stall: StallLimits::from(limits),
            handshake_deadline: millis(limits.handshake_deadline),
            body_deadline: millis(limits.body_deadline),
            ping_interval: millis(limits.ping_interval),
            ping_timeout: millis(limits.ping_timeout),
            token_leeway: i64::try_from(limits.token_leeway.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

/// All connections of the relay, and what they share.
pub(crate) struct Sockets {
    application: Arc<dyn Application>,
    metrics: Arc<Metrics>,
    limits: SocketLimits,
    /// The most connections at one time.
    capacity: usize,
    wheel: Wheel<Connection>,
    registry: Mutex<Slab<Weak<Connection>>>,
    /// Those that poll.
    sids: Mutex<HashMap<Sid, Arc<Connection>>>,
    /// How many of these poll.
    polls: AtomicUsize,
    /// Connections that poll and have ended where they could not be taken away.
    graves: Mutex<Vec<usize>>,
    dug: Notify,
    draining: AtomicBool,
    outboxes: Arc<Outboxes>,
    /// Told when a connection is forgotten while draining.
    fewer: Notify,
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sockets")
            .field("connections", &self.count())
            .finish_non_exhaustive()
    }
}

impl Sockets {
    pub(crate) fn new(
        application: Arc<dyn Application>,
        metrics: Arc<Metrics>,
        outboxes: Arc<Outboxes>,
        limits: &Limits,
        capacity: usize,
    ) -> Arc<Self> {
        let limits = SocketLimits::of(limits);
        Self::with_limits(application, metrics, outboxes, limits, capacity)
    }

    fn with_limits(
        application: Arc<dyn Application>,
        metrics: Arc<Metrics>,
        outboxes: Arc<Outboxes>,
        limits: SocketLimits,
        capacity: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            application,
            metrics,
            limits,
            capacity,
            wheel: Wheel::new(),
            registry: Mutex::new(Slab::new()),
            sids: Mutex::new(HashMap::new()),
            polls: AtomicUsize::new(0),
            graves: Mutex::new(Vec::new()),
            dug: Notify::new(),
            draining: AtomicBool::new(false),
            outboxes,
            fewer: Notify::new(),
        })
    }

    /// Keeps the deadlines of all connections. Never ends.
    pub(crate) async fn keep(self: Arc<Self>) {
        let burying = async {
            loop {
                self.dug.notified().await;
                self.inter();
            }
        };
        futures_util::future::join(self.wheel.turn(), burying).await;
    }

    /// Has a connection that polls taken away, by someone who holds none of its locks.
    fn bury(&self, key: usize) {
        self.graves.lock().push(key);
        self.dug.notify_one();
    }

    /// Takes away the connections that poll and have ended.
    fn inter(&self) {
        let graves = std::mem::take(&mut *self.graves.lock());
        for key in graves {
            let connection = self.registry.lock().get(key).and_then(Weak::upgrade);
            if let Some(connection) = connection {
                connection.remove();
            }
        }
    }

    #[cfg(feature = "conformance")]
    fn bare(&self) -> bool {
        self.application.bare()
    }

    /// Whether Engine.IO is left out: never in a relay that serves.
    #[cfg(not(feature = "conformance"))]
    const fn bare(&self) -> bool {
        false
    }

    /// A connection and its place in the registry.
    fn register(self: &Arc<Self>, carrier: Carrier, origin: Option<Box<str>>) -> Arc<Connection> {
        let mut registry = self.registry.lock();
        let slot = registry.vacant_entry();
        let key = slot.key();
        let connection = Arc::new_cyclic(|me| {
            Connection::new(Arc::clone(self), carrier, key, origin, Weak::clone(me))
        });
        slot.insert(Arc::downgrade(&connection));
        connection
    }

    /// What a connection is told first.
    fn open_packet(&self, sid: Sid, polls: bool) -> OpenPacket {
        let upgrades = polls.then_some(TransportType::Websocket);
        OpenPacket {
            sid,
            upgrades: upgrades.into_iter().collect(),
            ping_interval: Duration::from_millis(self.limits.ping_interval),
            ping_timeout: Duration::from_millis(self.limits.ping_timeout),
            max_payload: self.limits.message as u64,
        }
    }

    /// Begins a connection on an upgraded stream, or lets one that polled go on there. `early` is what
    /// came right behind the request. The connection lives as long as its task, and by it.
    pub(crate) async fn begin(
        self: Arc<Self>,
        tcp: TcpStream,
        mut ticket: Ticket,
        early: &[u8],
        permit: Permit,
    ) -> Option<Task> {
        if let Some(connection) = ticket.polled.take() {
            return self.take_over(connection, tcp, ticket, early, permit).await;
        }
        let Ticket { origin, head, .. } = ticket;
        let connection = self.register(Carrier::Stream(Stream::new(tcp, permit)), origin);
        let open = if self.bare() {
            Arc::from([])
        } else {
            packet::open(self.open_packet(connection.sid, false))
        };
        connection.control([head.as_bytes(), &open].concat().into());
        connection.arm_now(&mut connection.state());
        self.application.opened(&connection);
        Some(Task::new(connection, early))
    }

    fn forget(&self, key: usize, sid: Sid) {
        self.registry.lock().try_remove(key);
        let known = self.sids.lock().remove(&sid);
        if known.is_some_and(|connection| connection.stream.get().is_none()) {
            self.polls.fetch_sub(1, Ordering::Relaxed);
        }
        if self.draining() {
            self.fewer.notify_one();
        }
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.registry.lock().len()
    }

    fn all(&self) -> Vec<Arc<Connection>> {
        self.registry
            .lock()
            .iter()
            .filter_map(|(_, connection)| connection.upgrade())
            .collect()
    }

    fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Takes no new subscribers from now on, and tells those who are here to come back later, spread
    /// over `time`. Ends when all were told and have gone, or when the time is over.
    pub(crate) async fn drain(self: &Arc<Self>, time: Duration) {
        self.draining.store(true, Ordering::Release);
        let end = tokio::time::Instant::now() + time;
        let everyone = self.all();
        // The last third is for the goodbyes to arrive.
        let step =
            time.mul_f64(2.0 / 3.0) / u32::try_from(everyone.len().max(1)).unwrap_or(u32::MAX);
        let began = tokio::time::Instant::now();
        for (index, connection) in everyone.into_iter().enumerate() {
            let reason = "the relay is about to stop: connect again";
            connection.bye(Code::Draining, reason, true, self.jitter());
            tokio::time::sleep_until(began + step * u32::try_from(index).unwrap_or(u32::MAX)).await;
        }
        while self.count() > 0
            && tokio::time::timeout_at(end, self.fewer.notified())
                .await
                .is_ok()
        {}
    }

    /// How long someone should wait before coming back, in milliseconds.
    fn jitter(&self) -> u64 {
        come_back::after_ms()
    }

    /// The wheel's time of a Unix time in milliseconds.
    fn at_unix(&self, unix: i64) -> Millis {
        let ahead = unix.saturating_sub(unix_millis()).max(0);
        self.wheel.now().saturating_add(ahead.unsigned_abs())
    }

    fn count_queued(&self, before: usize, after: usize) {
        self.outboxes.count(before, after);
    }

    /// Ends whatever is left, at once.
    pub(crate) fn cut_all(&self) {
        for connection in self.all() {
            connection.cut(&mut connection.state());
        }
        self.inter();
    }

    /// The clients that take nothing, for whoever keeps all outboxes in bounds.
    pub(crate) fn slow(&self) -> Vec<Slow> {
        let slow = |connection: Arc<Connection>| {
            let (stalled, waiting) = connection.stalled_for()?;
            Some(Slow {
                stalled: Duration::from_millis(stalled),
                waiting,
                cut: Box::new(move || {
                    let mut state = connection.state();
                    if state.cut {
                        return; // what waits for it will soon be gone
                    }
                    connection.sockets.metrics.slow_clients_cut.inc();
                    tracing::warn!(sid = %connection.sid, "cut a slow client: all outboxes hold too much");
                    connection.cut(&mut state);
                }),
            })
        };
        self.all().into_iter().filter_map(slow).collect()
    }
}

/// Unix time in milliseconds.
fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
