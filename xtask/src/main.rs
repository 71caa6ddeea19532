//! `cargo xtask <word>`: the one way to build, run, test, generate and measure.
//! CI runs the same words as a person does.
#![allow(clippy::print_stdout, reason = "a command line prints")]

mod bench;
mod browser;
mod check;
mod conformance;
mod demo;
mod fuzz;
mod generate;
mod pack;
mod setup;
mod step;
mod test;
mod tree;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The one way to build, run, test, generate and measure Forge Relay.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    /// Opens planning poker in a browser, with the relay, and buttons that try to make it lose an event
    Demo(demo::Options),
    /// Runs every test, with all the set-up they need
    Test(test::Options),
    /// Runs what others wrote to judge a server like this one, and writes the results to docs/conformance.md
    Conformance(conformance::Options),
    /// Looks for bytes that break what must hold of everything that strangers send
    Fuzz(fuzz::Options),
    /// Formatting, lints, the wasm32 build, generated files, licences and sources of dependencies
    Check,
    /// Writes what is generated and committed: openapi/, and the SDKs' types from it
    Generate,
    /// Builds the npm packages of the SDKs: tarballs in target/packages/
    Pack(pack::Options),
    /// Measures against the floor and the peers; what follows is for the benchmark itself
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().word {
        Word::Demo(options) => demo::run(&options),
        Word::Test(options) => test::run(&options),
        Word::Conformance(options) => conformance::run(&options),
        Word::Fuzz(options) => fuzz::run(&options),
        Word::Check => check::run(),
        Word::Generate => generate::run(),
        Word::Pack(options) => pack::run(&options),
        Word::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}
