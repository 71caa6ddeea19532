//! The load generator: opens clients, publishes on a schedule, and checks every event of every client.
//!
//! ```text
//!  main thread        publishers ── POST /events ──▶ server
//!                     schedule, receipts, figures       │
//!  reader threads     sockets ◀── 42["event",{…}] ──────┘
//!                     frames → stamp → ledger (order, gaps, repeats, session) → histogram
//! ```
//! Readers only read and count, so that what limits a run is the server. What they used is in the report, and a run in
//! which a thread of theirs was at its limit is invalid.

mod connection;
mod coordinator;
mod event_stream;
mod ledger;
mod options;
mod publisher;
mod reader;
mod report;
mod shared;

pub use coordinator::run;
pub(crate) use options::session_id;
pub use options::{Options, Transport};
pub(crate) use publisher::rfc3339;
pub use report::{
    ConnectFigures, DeliveryFigures, Faults, GeneratorFigures, MemoryFigures, PublishFigures,
    Report,
};
