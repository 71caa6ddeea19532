//! `cargo xtask test`: every test there is, set-up included.

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::step::{cargo, command, streamed};
use crate::{browser, demo, pack, setup, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Only the tests whose names contain one of these
    names: Vec<String>,
    /// Passed on to the test runner, such as `-- --nocapture`
    #[arg(last = true)]
    runner: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::npm("tests/js")?;
    let programs = setup::python("tests/python/requirements.txt")?;

    let mut tests = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests.arg("--").args(&options.names).args(&options.runner);
    tests.env("FORGE_RELAY_PYTHON_BIN", &programs);
    // Many of them wait for a clock or a socket, so more than the cores can run at a time.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        tests.env("RUST_TEST_THREADS", "4");
    }
    streamed("unit, property, documentation and end-to-end tests", tests)?;

    // The suites' server is another build of the relay too. It must not rot between two `cargo xtask conformance`.
    let mut server = cargo(&[
        "test",
        "--locked",
        "-p",
        "forge-relay-conformance",
        "--features",
        "server",
    ]);
    server.arg("--").args(&options.names).args(&options.runner);
    streamed("the server of the conformance suites", server)?;

    // The same code with its locks under a scheduler that tries interleavings: another build of the relay.
    let mut model = cargo(&[
        "test",
        "--locked",
        "-p",
        "forge-relay",
        "--features",
        "model",
    ]);
    model
        .args(["--lib", "session::model", "--"])
        .args(&options.runner);
    streamed("the hand-over between pump and readers, modelled", model)?;

    packages(options, &programs)?;
    browser::test(&options.names)
}

/// The SDKs as npm packages: made, installed into fresh apps, and run there, on every Node that they are for. And the
/// code of the documents and of examples/without-sdk, which is run as it stands; `python` has the latter's packages. And
/// planning poker's functions, in the demo's stand-in for Forge.
fn packages(options: &Options, python: &Path) -> Result<()> {
    const FOLDER: &str = "tests/packages";
    setup::npm(FOLDER)?;
    setup::npm("xtask/demo")?;
    // It packs the SDKs, too.
    let planning_poker = demo::app()?;
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace::root().join(FOLDER))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    let mut tests = command("node");
    // Each file is a process; more of them than cores would only wait for each other.
    tests.args(["--test", "--test-concurrency=2", "--test-reporter=spec"]);
    for name in &options.names {
        tests.arg(format!("--test-name-pattern={name}"));
    }
    tests
        .args(files)
        .env("FORGE_RELAY_PACKAGES", pack::packages())
        .env("FORGE_RELAY_PYTHON_BIN", python)
        .env("DEMO_APP", planning_poker)
        // The tests before this one built it.
        .env(
            "FORGE_RELAY_BIN",
            workspace::target().join("debug").join("forge-relay"),
        );
    streamed("packages and documents, as users have them", tests)
}
