//! The command line as scripts and operators meet it: the real binary, its exit codes, both its streams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod config;
mod publish;
mod run;
#[cfg(unix)]
mod serve;
mod token;
mod usage;
