//! `cargo xtask bench`: ours, the floor and the peers, in one run.

use std::fs;

use anyhow::Result;
use clap::Args;

use crate::step::{cargo, command, quiet, streamed};
use crate::{pack, setup, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to the benchmark; `--help` there lists what it takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    benchmark: Vec<String>,
}

/// The one scenario without a relay: it is measured in Node.
const SDK_NODE: &str = "sdk-node";

pub(crate) fn run(options: &Options) -> Result<()> {
    let words: Vec<&str> = options.benchmark.iter().map(String::as_str).collect();
    if let ["--scenario", SDK_NODE] | ["--scenario=sdk-node"] = words[..] {
        return sdk_node();
    }
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

/// The packed node package beside the npm packages that it stands in for.
fn sdk_node() -> Result<()> {
    const FOLDER: &str = "tests/bench/sdk-node";
    setup::npm(FOLDER)?;
    pack::run(&pack::Options::default())?;
    let mut bench = command("node");
    bench.arg(workspace::root().join(FOLDER).join("bench.mjs"));
    for tarball in fs::read_dir(pack::packages())? {
        let tarball = tarball?;
        if tarball
            .file_name()
            .to_string_lossy()
            .starts_with("forge-relay-node-")
        {
            bench.arg(tarball.path());
        }
    }
    streamed("sdk-node", bench)
}
