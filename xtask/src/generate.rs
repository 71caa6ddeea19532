//! `cargo xtask generate`: writes openapi/ from the code. The files are committed and never edited.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::{cargo, quiet};
use crate::workspace;

pub(crate) fn run() -> Result<()> {
    let committed = workspace::root().join("openapi");
    let before = files(&committed)?;
    // Removed first, so that a schema whose type is gone goes too.
    for path in before.keys().filter(|path| is_generated(path)) {
        fs::remove_file(committed.join(path))?;
    }
    write("openapi/ from the code", &committed)
}

/// Fails when the committed files are not what the code says.
pub(crate) fn check() -> Result<()> {
    let fresh = workspace::scratch().join("openapi");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    write("generated files are current", &fresh)?;
    let (fresh, committed) = (files(&fresh)?, files(&workspace::root().join("openapi"))?);
    let stale: Vec<String> = fresh
        .keys()
        .chain(
            committed
                .keys()
                .filter(|path| is_generated(path) && !fresh.contains_key(*path)),
        )
        .filter(|path| fresh.get(*path) != committed.get(*path))
        .map(|path| format!("openapi/{}", path.display()))
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "not what the code says: {}\nRun `cargo xtask generate` and commit the result",
        stale.join(", ")
    );
}

/// The relay knows its own contract, so it is the one who writes it.
fn write(title: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut generate = cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "forge-relay",
        "--",
        "openapi",
        "--dir",
    ]);
    generate.arg(folder);
    quiet(title, generate)
}

fn is_generated(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
}

/// All files below `folder`, by their path inside it.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(inside) = open.pop() {
        if !inside.exists() {
            continue;
        }
        for entry in fs::read_dir(&inside)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let content = fs::read(&path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                found.insert(
                    path.strip_prefix(folder).unwrap_or(&path).to_path_buf(),
                    content,
                );
            }
        }
    }
    Ok(found)
}
