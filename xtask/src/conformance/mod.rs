//! `cargo xtask conformance`: what others wrote to judge a server like this one, and what it said.
//!
//! | file | judge |
//! |---|---|
//! | `official` | the suites of Engine.IO and Socket.IO |
//! | `autobahn` | Autobahn's WebSocket suite |
//! | `java` | the stock Socket.IO client for Java, against the relay itself |
//! | `server` | whom they talk to |
//! | `table` | the results, in docs/conformance.md |

mod autobahn;
mod java;
mod official;
mod server;
mod table;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use self::table::{Outcome, Row};
use crate::step::{cargo, quiet};
use crate::workspace;

#[derive(Args)]
pub(crate) struct Options {
    /// A clone of socketio/socket.io, which has the official suites in its docs/
    #[arg(long, value_name = "FOLDER")]
    suites: Option<PathBuf>,
    /// A Python 2.7, for Autobahn; found by itself where it is on the path or pyenv has it
    #[arg(long, value_name = "PROGRAM")]
    python2: Option<PathBuf>,
}

/// Runs them all, whatever one of them says, writes what they said, and fails where one was not content
/// or could not be run.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut server = cargo(&["build", "--locked", "--package", "forge-relay-conformance"]);
    server.args(["--features", "server"]);
    quiet("the suites' server", server)?;
    let relay = cargo(&["build", "--locked", "--package", "forge-relay"]);
    quiet("the relay", relay)?;

    let mut rows = official::rows(options.suites.as_deref())?;
    rows.push(autobahn::row(options.python2.as_deref())?);
    rows.extend(java::rows()?);
    table::write(&rows)?;
    judge(&rows)
}

/// What is missing, once each, and whether everyone was content.
fn judge(rows: &[Row]) -> Result<()> {
    let mut missing: Vec<&str> = rows.iter().filter_map(Row::cure).collect();
    missing.dedup();
    for cure in &missing {
        println!("\n{cure}");
    }
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.failed())
        .map(Row::judge)
        .collect();
    if !failed.is_empty() {
        bail!("not content: {}", failed.join("; "));
    }
    if !missing.is_empty() {
        bail!("not every judge could be run: see above");
    }
    println!("✓ docs/conformance.md is written");
    Ok(())
}

/// Where all of this leaves what it needs. `cargo clean` removes it.
fn scratch() -> PathBuf {
    workspace::scratch().join("conformance")
}

/// A step that may fail, as a result: the other judges are heard all the same.
fn outcome(step: Result<()>, passed: impl FnOnce() -> String) -> Outcome {
    match step {
        Ok(()) => Outcome::Passed(passed()),
        Err(error) => {
            println!("{error:#}");
            Outcome::Failed("**failed**".to_owned())
        }
    }
}
