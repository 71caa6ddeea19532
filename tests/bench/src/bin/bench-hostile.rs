//! Bad neighbours for the clients of the load generator.
#![allow(clippy::print_stdout, reason = "it tells when it has begun")]

use clap::Parser as _;
use forge_relay_bench::hostile::{Options, run};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    forge_relay_bench::end_with_parent();
    // They come from elsewhere in life: what they compute must not keep the healthy clients' readers off the cores.
    let _ = rustix::process::nice(19);
    run(&Options::parse(), || println!("ready")).await;
}
