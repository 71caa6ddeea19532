//! The HTTP routes, one file a resource. `/socket.io/` is not among them: the accept loop hands it to `socket/`
//! before a request comes here.

mod body;
mod client_address;
mod cors;
mod docs;
mod events;
mod health;
mod metrics;
pub(crate) mod openapi;
mod problem;
mod request_log;
mod router;
mod security_headers;
mod session_events;
mod socket_auth;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use client_address::{Client, Peer};
pub(crate) use health::Readiness;
pub use openapi::generated_files;
pub(crate) use router::router;
pub(crate) use session_events::Streams;
pub(crate) use state::{AppState, Clock};
