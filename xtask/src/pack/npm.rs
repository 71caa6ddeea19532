//! The npm side of packing: tools of xtask/js, and tarballs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{command, quiet};
use crate::workspace;

/// A tool of the packages of xtask/js.
fn tool(name: &str) -> Command {
    command(
        workspace::root()
            .join("xtask/js/node_modules/.bin")
            .join(name),
    )
}

/// One file out of an ECMAScript module and what it imports.
pub(crate) fn bundle(entry: &Path, out: &Path) -> Result<()> {
    let mut esbuild = tool("esbuild");
    esbuild
        .args([
            "--bundle",
            "--format=esm",
            "--minify",
            "--log-level=warning",
            "--loader:.wasm=binary",
        ])
        .arg(entry)
        .arg(format!("--outfile={}", out.display()));
    quiet(&format!("{} bundled", relative(out)), esbuild)
}

/// Compiles the TypeScript of a package.
pub(crate) fn tsc(package: &Path) -> Result<()> {
    let mut tsc = tool("tsc");
    tsc.arg("--project").arg(package);
    quiet(&format!("TypeScript of {}", relative(package)), tsc)
}

/// Packs a package as npm publishes it; answers the tarball in target/packages/.
pub(crate) fn tarball(package: &Path, name: &str) -> Result<PathBuf> {
    let folder = workspace::target().join("packages");
    fs::create_dir_all(&folder)?;
    let mut pack = command("npm");
    pack.args([
        "pack",
        "--ignore-scripts",
        "--loglevel=error",
        "--pack-destination",
    ])
    .arg(&folder)
    .arg(package);
    quiet(&format!("tarball of {name}"), pack)?;
    let file = format!("{name}-{}.tgz", env!("CARGO_PKG_VERSION"));
    let tarball = folder.join(file);
    fs::metadata(&tarball).with_context(|| {
        format!(
            "npm did not write {}; has its package.json the version of the workspace?",
            tarball.display()
        )
    })?;
    Ok(tarball)
}

fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(workspace::root()).unwrap_or(path);
    inside.display().to_string()
}
