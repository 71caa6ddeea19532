//! The client in a real browser: its package as apps install it, in pages that Vite builds and in planning poker, driven by
//! tests/browser.

use std::path::Path;

use anyhow::Result;

use crate::step::{command, quiet, streamed};
use crate::workspace;
use crate::{demo, pack, setup};

/// How many files of tests run at a time, each with a browser of its own: two cores bear that.
const FILES_TOGETHER: &str = "--test-concurrency=2";

/// Runs the tests whose names contain one of these, or all. The relay must have been
/// built, and the packages packed.
pub(crate) fn test(names: &[String]) -> Result<()> {
    setup::npm("tests/browser")?;
    setup::npm("xtask/demo")?;
    let chromium = setup::chromium()?;
    let planning_poker = demo::app()?;
    let tarball = pack::packages().join(format!(
        "forge-relay-client-{}.tgz",
        env!("CARGO_PKG_VERSION")
    ));
    let folder = workspace::root().join("tests/browser");

    let mut build = command("node");
    build.current_dir(&folder).arg("build.js").arg(tarball);
    told_where(&mut build, &chromium);
    quiet("pages that use the packed client", build)?;

    let mut tests = command("node");
    tests
        .current_dir(&folder)
        .args(["--test", "--test-reporter=spec", FILES_TOGETHER]);
    for name in names {
        tests.arg(format!("--test-name-pattern={name}"));
    }
    for suite in [
        "poker", // it waits most, so it goes first
        "poker-deployed",
        "delivery",
        "weather",
        "session",
        "forms",
        "react",
        "vectors",
        "diagrams",
    ] {
        tests.arg(format!("suites/{suite}.test.js"));
    }
    told_where(&mut tests, &chromium);
    tests.env("DEMO_APP", planning_poker);
    streamed("the client in Chromium", tests)
}

fn told_where(node: &mut std::process::Command, chromium: &Path) {
    node.env("FORGE_RELAY_CHROMIUM", chromium)
        .env(
            "FORGE_RELAY_BROWSER_PAGES",
            workspace::target().join("browser"),
        )
        .env(
            "FORGE_RELAY_BIN",
            workspace::target().join("debug/forge-relay"),
        );
}
