//! The load generator: loads one server and prints what it measured, as JSON.
#![allow(clippy::print_stdout, reason = "its report is its output")]

use std::process::ExitCode;

use clap::Parser as _;
use forge_relay_bench::load::{Options, run};

fn main() -> ExitCode {
    forge_relay_bench::end_with_parent();
    let report = run(&Options::parse());
    match report.and_then(|report| serde_json::to_string(&report).map_err(|e| e.to_string())) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
