//! The whole of a configuration, from text to meaning or problems.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;

use super::load::assemble;
use super::*;

mod apps;
mod layers;
mod limits;
mod problems;

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef-first";
pub(super) const OTHER: &str = "0123456789abcdef0123456789abcdef-other";

pub(super) fn load(
    toml: &str,
    variables: &[(&str, &str)],
    flags: &[Flag],
) -> Result<Loaded, Problems> {
    let sources = Sources {
        file: None,
        variables: variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        flags: flags.to_vec(),
    };
    assemble(
        Some(("relay.toml".to_owned(), toml.to_owned())),
        sources,
        Vec::new(),
    )
}

pub(super) fn with_secret(toml: &str) -> Result<Config, Problems> {
    load(toml, &[("RELAY_SECRET", SECRET)], &[]).map(|loaded| loaded.config)
}

pub(super) fn problems_of(result: Result<Loaded, Problems>) -> Vec<String> {
    let problems = result.err().expect("the configuration is wrong").problems;
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
pub(super) fn one_problem(toml: &str, expected: &str) {
    let problems = problems_of(load(toml, &[("RELAY_SECRET", SECRET)], &[]));
    assert_eq!(problems, [expected], "{toml}");
}
