//! The tools from npm that packing runs, and npm itself.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::packages;
use crate::step::{command, quiet};
use crate::workspace;

/// A tool of xtask/js, by its file there: a script for Node.
pub(crate) fn tool(script: &str) -> Command {
    let mut node = command("node");
    node.arg(workspace::root().join("xtask/js/node_modules").join(script));
    node
}

/// A script of our own in xtask/js.
pub(crate) fn script(name: &str) -> Command {
    let mut node = command("node");
    node.arg(workspace::root().join("xtask/js").join(name));
    node
}

/// TypeScript's compiler, for the project of this file.
pub(crate) fn tsc(project: &Path) -> Command {
    let mut tsc = tool("typescript/bin/tsc");
    tsc.arg("--project").arg(project);
    tsc
}

/// Makes a tarball of a folder that is a package.
pub(crate) fn pack(folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut npm = command("npm");
    npm.args([
        "pack",
        "--ignore-scripts",
        "--loglevel=error",
        "--pack-destination",
    ])
    .arg(packages())
    .current_dir(folder);
    quiet(&format!("tarball of {name}"), npm)
}
