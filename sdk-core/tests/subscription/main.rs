//! The client's state machine: stories of single connections, scripts that every face runs, and what must hold whatever is
//! said and in any weather.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod hostile;
mod input;
mod stories;
mod vectors;
mod weather;
mod world;
