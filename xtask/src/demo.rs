//! `cargo xtask demo`: the main job, to be seen. xtask builds and sets up; xtask/demo/demo.mjs is the show, written with
//! published libraries only, so that it is also the shortest complete example.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::setup;
use crate::step::{cargo, command, quiet};
use crate::workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// Keeps the relay running afterwards, until Ctrl-C, and says how to publish to it
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::npm("xtask/demo")?;
    quiet(
        "the relay",
        cargo(&["build", "--locked", "--package", "forge-relay"]),
    )?;

    // Ctrl-C reaches the whole process group. The show ends itself and the relay, and we wait for it.
    ctrlc::set_handler(|| {}).context("Ctrl-C cannot be handled")?;

    let mut show = command("node");
    show.arg("xtask/demo/demo.mjs").env(
        "RELAY_PROGRAM",
        workspace::target().join("debug").join("forge-relay"),
    );
    if options.keep {
        show.env("DEMO_KEEP", "1");
    }
    // The pipe's end tells the show that we are gone, however we went.
    let mut child = show
        .stdin(Stdio::piped())
        .spawn()
        .context("node cannot be started")?;
    let lifeline = child.stdin.take();
    let status = child.wait()?;
    drop(lifeline);
    if !status.success() {
        bail!("the demo failed ({status})");
    }
    Ok(())
}
