//! The limits: what each may be, and how they depend on one another.

use std::time::Duration;

use super::reader::Reader;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What an event has beside its payload, at most, with room to spare: as a request (session id, name, nonce,
/// timestamp) and as a frame (id, session id, seq, cursor, name, timestamp and the framing).
pub const BESIDE_PAYLOAD: usize = 1024;

/// The drain time of a relay that runs alone.
const DRAIN_ALONE: Duration = Duration::from_secs(2);

/// Everything that is bounded. Sizes are in bytes; `default.toml` says what each means and what it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The payload of an event, as sent.
    pub payload: usize,
    /// The body of `POST /events`.
    pub event_body: usize,
    /// The body of `POST /events/batch`.
    pub batch_body: usize,
    /// A message from a client.
    pub message: usize,
    /// Messages a second that a connection may send.
    pub messages_per_second: u32,
    /// Connects a second of one account; 0 is no limit.
    pub connects_per_account: u32,
    /// Events a second into one session; 0 is no limit.
    pub publishes_per_session: u32,
    /// POST requests and reads of logs a second from one address; 0 is no limit.
    pub requests_per_address: u32,
    /// How far the timestamp of an event or signature may be from the clock, either way; whole seconds.
    pub clock_skew: Duration,
    /// How long a nonce is remembered; at least twice `clock_skew`.
    pub nonce_age: Duration,
    /// Memory for nonces.
    pub nonce_memory: usize,
    /// The longest life of a token; whole seconds.
    pub token_life: Duration,
    /// How far clocks may differ where a token's times are checked; whole seconds.
    pub token_leeway: Duration,
    /// Events in the log of a session.
    pub log_events: usize,
    /// The age of the oldest event in the log of a session.
    pub log_age: Duration,
    /// Bytes in the log of a session; the largest frame fits.
    pub log_bytes: usize,
    /// All logs together.
    pub all_logs: usize,
    /// How long the log of an idle session is kept.
    pub idle_session: Duration,
    /// What may wait for one connection beside its place in the log.
    pub outbox: usize,
    /// The size of one write of a client that catches up.
    pub catch_up_write: usize,
    /// All outboxes together.
    pub all_outboxes: usize,
    /// How long a write may make no progress.
    pub write_deadline: Duration,
    /// The least rate at which a client that is behind must read, in bytes a second; 0 is off.
    pub least_rate: usize,
    /// How long the header of a request may take.
    pub header_deadline: Duration,
    /// How long the body of a request may take.
    pub body_deadline: Duration,
    /// How long the Socket.IO handshake may take.
    pub handshake_deadline: Duration,
    /// How often a connection is pinged.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
    /// How often an event stream has a comment.
    pub stream_heartbeat: Duration,
    /// The time over which clients are sent away at a shutdown.
    pub drain: Duration,
    /// Connections at most; `None`: as many as the open files of the process allow.
    pub connections: Option<usize>,
}

pub(super) fn read(r: &mut Reader<'_>) -> Limits {
    let deadline = 10 * MS..=5 * MINUTE;
    let limits = Limits {
        payload: r.size("limits.payload", 1..=MIB),
        event_body: r.size("limits.event_body", 1..=4 * MIB),
        batch_body: r.size("limits.batch_body", 1..=64 * MIB),
        message: r.size("limits.message", 4 * KIB..=MIB),
        messages_per_second: r.count("limits.messages_per_second", 1..=10_000),
        connects_per_account: r.count("limits.connects_per_account", 0..=1_000_000),
        publishes_per_session: r.count("limits.publishes_per_session", 0..=1_000_000),
        requests_per_address: r.count("limits.requests_per_address", 0..=1_000_000),
        clock_skew: r.seconds("limits.clock_skew", SECOND..=HOUR),
        nonce_age: r.duration("limits.nonce_age", SECOND..=24 * HOUR),
        nonce_memory: r.size("limits.nonce_memory", MIB..=64 * GIB),
        token_life: r.seconds("limits.token_life", SECOND..=300 * SECOND),
        token_leeway: r.seconds("limits.token_leeway", Duration::ZERO..=MINUTE),
        log_events: large(r.count("limits.log_events", 1..=1_000_000)),
        log_age: r.duration("limits.log_age", SECOND..=24 * HOUR),
        log_bytes: r.size("limits.log_bytes", 1..=GIB),
        all_logs: r.size("limits.all_logs", 1..=TIB),
        idle_session: r.duration("limits.idle_session", 10 * MS..=24 * HOUR),
        outbox: r.size("limits.outbox", 4 * KIB..=16 * MIB),
        catch_up_write: r.size("limits.catch_up_write", 4 * KIB..=16 * MIB),
        all_outboxes: r.size("limits.all_outboxes", 1..=64 * GIB),
        write_deadline: r.duration("limits.write_deadline", deadline.clone()),
        least_rate: r.size("limits.least_rate", 0..=MIB),
        header_deadline: r.duration("limits.header_deadline", deadline.clone()),
        body_deadline: r.duration("limits.body_deadline", deadline.clone()),
        handshake_deadline: r.duration("limits.handshake_deadline", deadline),
        ping_interval: r.duration("limits.ping_interval", 50 * MS..=10 * MINUTE),
        ping_timeout: r.duration("limits.ping_timeout", 50 * MS..=10 * MINUTE),
        stream_heartbeat: r.duration("limits.stream_heartbeat", 50 * MS..=10 * MINUTE),
        drain: r
            .unless_auto("limits.drain", |r| {
                r.duration("limits.drain", Duration::ZERO..=10 * MINUTE)
            })
            .unwrap_or(DRAIN_ALONE),
        connections: r.unless_auto("limits.connections", |r| {
            large(r.count("limits.connections", 1..=10_000_000))
        }),
    };
    check(r, &limits);
    limits
}

fn large(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What one limit alone cannot tell: a pair of values of which one can never be reached, or breaks a promise.
fn check(r: &mut Reader<'_>, l: &Limits) {
    let largest = l.payload.saturating_add(BESIDE_PAYLOAD);
    let plus_rest = "limits.payload + 1KiB for what an event has beside it";
    let payload = ("limits.payload", largest);
    r.at_least(("limits.event_body", l.event_body), payload, plus_rest);
    r.at_least(("limits.log_bytes", l.log_bytes), payload, plus_rest);

    let event_body = ("limits.event_body", l.event_body);
    r.at_least(
        ("limits.batch_body", l.batch_body),
        event_body,
        "limits.event_body",
    );
    let log_bytes = ("limits.log_bytes", l.log_bytes);
    r.at_least(
        ("limits.all_logs", l.all_logs),
        log_bytes,
        "limits.log_bytes",
    );
    let outbox = ("limits.outbox", l.outbox);
    r.at_least(
        ("limits.all_outboxes", l.all_outboxes),
        outbox,
        "limits.outbox",
    );

    // A request stamped as far ahead as is allowed stays valid for twice the skew. Were its nonce forgotten before
    // that, whoever captured the request could have it delivered again.
    let both_ways = ("limits.clock_skew", 2 * l.clock_skew);
    let rule = "twice limits.clock_skew, so that no captured request can be delivered again";
    r.at_least(("limits.nonce_age", l.nonce_age), both_ways, rule);
}
