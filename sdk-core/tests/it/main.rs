//! The contract, held against its golden vectors and against properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod events;
mod limits;
mod messages;
mod patterns;
mod places;
mod properties;
#[cfg(feature = "keys")]
mod publisher;
#[cfg(feature = "keys")]
mod secrets;
#[cfg(feature = "keys")]
mod signatures;
#[cfg(feature = "keys")]
mod tokens;
mod vectors;

#[cfg(feature = "schema")]
mod schemas;
