//! Bad neighbours for the clients of the load generator.
#![allow(clippy::print_stdout, reason = "it tells when it has begun")]

use clap::Parser as _;
use forge_relay_bench::hostile::{Options, run};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    forge_relay_bench::end_with_parent();
    run(&Options::parse(), || println!("ready")).await;
}
