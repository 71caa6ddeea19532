//! The relay.

mod auth;
#[allow(dead_code, reason = "the rooms that use them are not here yet")]
mod metrics;

pub use auth::OriginPattern;
