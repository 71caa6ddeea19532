//! The relay.

#[allow(
    dead_code,
    unused_imports,
    reason = "the rooms that use them are not here yet"
)]
mod app;
#[allow(
    dead_code,
    unused_imports,
    reason = "the rooms that use them are not here yet"
)]
mod auth;
mod config;
#[allow(
    dead_code,
    unused_imports,
    reason = "the rooms that use them are not here yet"
)]
mod http;
#[allow(dead_code, reason = "the rooms that use them are not here yet")]
mod metrics;
mod session;
mod socket;
mod store;

pub use auth::OriginPattern;
pub use http::generated_files;
