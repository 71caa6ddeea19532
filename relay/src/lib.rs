//! Forge Relay: live events from Atlassian Forge functions to every open browser.
//!
//! Functions publish signed events over HTTPS; the relay delivers them over Socket.IO to every client
//! that holds a token for that session, and never silently loses, repeats or reorders one. How an
//! event travels:
//!
//! ```text
//!  http/events → auth → session/hub → store → session/session (log, pump) → session/outbox → socket/
//!                                                                                         └→ http/session_events/
//! ```
//!
//! The binary is [`cli::main`]; a program that brings its own listener calls [`run()`].

mod accept;
mod app;
mod auth;
mod capacity;
pub mod cli;
mod come_back;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod http;
mod line;
mod metrics;
mod outboxes;
mod run;
mod session;
mod socket;
mod stall;
mod store;
pub mod telemetry;

pub use auth::OriginPattern;
pub use http::generated_files;
pub use run::{RunError, run};
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use socket::fuzz;
