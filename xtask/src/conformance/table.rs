//! The table of results in docs/conformance.md, between two marks. It names no machine and no day: the same
//! results are the same text.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace;

const PAGE: &str = "docs/conformance.md";
const BEGIN: &str = "<!-- written by `cargo xtask conformance` -->\n";
const END: &str = "<!-- end -->\n";

/// What a judge said.
pub(super) enum Outcome {
    Passed(String),
    Failed(String),
    /// What it needs is missing, and what installs it.
    NotRun(String),
}

/// One judge.
pub(super) struct Row {
    judge: &'static str,
    version: String,
    outcome: Outcome,
}

impl Row {
    pub(super) fn new(judge: &'static str, version: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            judge,
            version: version.into(),
            outcome,
        }
    }

    pub(super) fn judge(&self) -> &'static str {
        self.judge
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }

    /// What installs what it needs, where that is missing.
    pub(super) fn cure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::NotRun(cure) => Some(cure),
            _ => None,
        }
    }
}

/// Writes the table.
pub(super) fn write(rows: &[Row]) -> Result<()> {
    let path = workspace::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("{PAGE} cannot be read"))?;
    let Some((before, rest)) = page.split_once(BEGIN) else {
        bail!("{PAGE} has lost the line {}", BEGIN.trim());
    };
    let Some((_, after)) = rest.split_once(END) else {
        bail!("{PAGE} has lost the line {}", END.trim());
    };
    let mut table = String::from("| judge | version | result |\n|---|---|---|\n");
    for row in rows {
        let result = match &row.outcome {
            Outcome::Passed(result) | Outcome::Failed(result) => result,
            Outcome::NotRun(_) => "**not run**",
        };
        writeln!(table, "| {} | {} | {result} |", row.judge, row.version)?;
    }
    fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
