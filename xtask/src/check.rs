//! `cargo xtask check`: everything that can be wrong without running a test.

use anyhow::Result;

use crate::step::{cargo, command, quiet};
use crate::{generate, setup};

pub(crate) fn run() -> Result<()> {
    quiet("formatting", cargo(&["fmt", "--all", "--check"]))?;
    // A workspace of its own.
    const FUZZERS: &str = "tests/fuzz/Cargo.toml";
    quiet(
        "formatting of the fuzzers",
        cargo(&["fmt", "--manifest-path", FUZZERS, "--check"]),
    )?;
    quiet(
        "lints",
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    browser_core()?;
    generate::check()?;
    dependencies()
}

/// sdk-core also runs in browsers, without and with what needs keys.
fn browser_core() -> Result<()> {
    const CHECK: [&str; 6] = [
        "check",
        "--package",
        "forge-relay-core",
        "--locked",
        "--target",
        "wasm32-unknown-unknown",
    ];
    setup::wasm_target()?;
    quiet("sdk-core for wasm32", cargo(&CHECK))?;
    let mut with_keys = cargo(&CHECK);
    with_keys.args(["--features", "keys"]);
    quiet("sdk-core for wasm32, with keys", with_keys)
}

/// Licences, sources and bans as deny.toml says. Advisories need a database from the network: CI asks for them apart.
fn dependencies() -> Result<()> {
    let mut deny = command(setup::cargo_deny()?);
    deny.args(["--locked", "check", "bans", "licenses", "sources"]);
    quiet("licences, sources and bans of dependencies", deny)
}
