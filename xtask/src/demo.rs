//! `cargo xtask demo`: the first two minutes. xtask builds and sets up; xtask/demo is the show: planning poker in a page,
//! or with `--terminal` the main job in a terminal.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::step::{cargo, command, quiet};
use crate::{pack, setup, tree, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// The page's port on the loopback; any that is free unless told otherwise
    #[arg(long, default_value_t = 0, conflicts_with = "terminal")]
    port: u16,
    /// Leaves the browser closed
    #[arg(long, conflicts_with = "terminal")]
    no_open: bool,
    /// Shows the main job here instead: with published libraries only, it publishes to two clients, one of which is
    /// away for a while
    #[arg(long)]
    terminal: bool,
    /// Keeps the relay running after that, until Ctrl-C, and says how to publish to it
    #[arg(long, requires = "terminal")]
    keep: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::npm("xtask/demo")?;
    quiet(
        "the relay",
        cargo(&["build", "--locked", "--package", "forge-relay"]),
    )?;
    let mut show = command("node");
    if options.terminal {
        show.arg("xtask/demo/terminal.mjs");
        if options.keep {
            show.env("DEMO_KEEP", "1");
        }
    } else {
        show.arg("xtask/demo/demo.mjs")
            .env("DEMO_APP", app()?)
            .env("DEMO_PORT", options.port.to_string());
        if options.no_open {
            show.env("DEMO_OPEN", "0");
        }
    }
    show.env(
        "DEMO_RELAY",
        workspace::target().join("debug").join("forge-relay"),
    );
    to_its_end(show)
}

/// Builds planning poker as its developer would, with the packages as they are here; answers its folder. Node's part of
/// the set-up must have been done.
pub(crate) fn app() -> Result<PathBuf> {
    pack::as_it_is()?;
    let app = workspace::target().join("demo").join("app");
    let root = workspace::root();
    let sources = [
        root.join("examples/planning-poker"),
        root.join("xtask/demo/build.mjs"),
        root.join("xtask/demo/bundle.cjs"),
        root.join("xtask/demo/package-lock.json"),
        pack::packages(),
    ];
    tree::stamped("planning poker", &sources, &app.join("ui/dist"), || {
        let step = |name: &str| {
            let mut build = command("node");
            build
                .args(["xtask/demo/build.mjs", name])
                .env("DEMO_APP", &app)
                .env("FORGE_RELAY_PACKAGES", pack::packages());
            build
        };
        quiet("planning poker: its files", step("files"))?;
        setup::npm(&app)?;
        quiet("planning poker: the packed SDKs", step("sdks"))?;
        quiet("planning poker: its types", step("types"))?;
        quiet("planning poker: its functions, bundled", step("functions"))?;
        quiet("planning poker: its Custom UI", step("page"))
    })?;
    Ok(app)
}

/// The show ends itself and the relay, on Ctrl-C or when its pipe from us ends, however we went; and we wait for it.
fn to_its_end(mut show: Command) -> Result<()> {
    let mut child = show
        .stdin(Stdio::piped())
        .spawn()
        .context("node cannot be started")?;
    let lifeline = Mutex::new(child.stdin.take());
    // From a terminal, Ctrl-C reaches the show as well. From elsewhere it may reach us alone.
    ctrlc::set_handler(move || drop(lifeline.lock().map(|mut pipe| pipe.take())))
        .context("Ctrl-C cannot be handled")?;
    let status = child.wait()?;
    if !status.success() {
        bail!("the demo failed ({status})");
    }
    Ok(())
}
