//! `cargo xtask bench`: ours, the floor and the peers, in one run.

use anyhow::Result;
use clap::Args;

use crate::setup;
use crate::step::{cargo, command, quiet, streamed};
use crate::workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to the benchmark; `--help` there lists what it takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    benchmark: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::npm("tests/bench/peers/node")?;
    quiet(
        "release build",
        cargo(&[
            "build",
            "--release",
            "--locked",
            "--bins",
            "--package",
            "forge-relay",
            "--package",
            "forge-relay-bench",
        ]),
    )?;
    let mut bench = command(
        workspace::target()
            .join("release")
            .join("forge-relay-bench"),
    );
    bench.args(&options.benchmark);
    streamed("benchmark", bench)
}
