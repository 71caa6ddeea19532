//! What must hold, over real sockets: one integration binary, a module for each part of the promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod harness;

mod clients;
mod concurrency;
mod hostile;
mod input;
mod isolation;
mod main_job;
mod malformed;
mod nonces;
mod openapi;
mod origins;
mod pages;
mod polling;
mod polling_clients;
mod polling_upgrade;
mod process;
mod publishers;
mod python_clients;
mod refresh;
mod resume;
mod routes;
mod shutdown;
mod slow;
mod slow_streams;
mod streams;
mod tail;
mod tokens;
