//! The relay.

mod auth;

pub use auth::OriginPattern;
