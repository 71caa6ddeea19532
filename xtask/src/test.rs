//! `cargo xtask test`: every test there is, set-up included.

use anyhow::Result;
use clap::Args;

use crate::setup;
use crate::step::{cargo, streamed};

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to `cargo test`: a filter, or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::npm("tests/js")?;
    let programs = setup::python("tests/python/requirements.txt")?;

    let mut tests = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests
        .args(&options.cargo_test)
        .env("FORGE_RELAY_PYTHON_BIN", programs);
    streamed("unit, property, documentation and end-to-end tests", tests)
}
