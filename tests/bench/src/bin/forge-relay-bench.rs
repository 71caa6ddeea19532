//! The orchestrator behind `cargo xtask bench`.
#![allow(clippy::print_stdout, reason = "its table is its output")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use forge_relay_bench::run::{Options, run};
use tokio::signal::unix::{SignalKind, signal};

/// One thread: the machine belongs to what is measured, and children are told when the thread that started them ends.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = tokio::select! {
        outcome = run(&options) => Some(outcome),
        () = told_to_end() => None,
    };
    match outcome {
        None => {
            // The run was dropped, which killed its children; here they are waited for.
            tokio::time::sleep(Duration::from_millis(300)).await;
            eprintln!("stopped; all servers were ended");
            ExitCode::from(130)
        }
        Some(Ok(summary)) => {
            println!("{}", summary.text());
            if summary.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn told_to_end() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
