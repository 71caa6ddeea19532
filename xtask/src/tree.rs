//! Whether what was made from many files was made from them as they are now.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::step::cached;
use crate::workspace;

/// Folders that are made, and not made from.
const MADE: [&str; 5] = ["node_modules", "target", "dist", "sdk-wasm/ts/core", ".git"];

/// Runs `work` when a file of `sources` (files and folders) changed, came or went since it last succeeded, or when
/// `product` is gone.
pub(crate) fn stamped(
    title: &str,
    sources: &[PathBuf],
    product: &Path,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let wanted = digest(sources)?;
    let stamp = workspace::scratch()
        .join("stamps")
        .join(title.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    if product.exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        cached(title);
        return Ok(());
    }
    // Work that fails half-way leaves a product that nobody may take for whole.
    let _ = fs::remove_file(&stamp);
    work()?;
    fs::create_dir_all(workspace::scratch().join("stamps"))?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

/// A line for each file: a change shows, and so does what changed. The hash is for accidents, not for enemies.
fn digest(sources: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for source in sources {
        walk(source, &mut files)?;
    }
    files.sort();
    let mut lines = String::new();
    for file in files {
        let content =
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let line = format!("{:016x} {}\n", hasher.finish(), file.display());
        lines.push_str(&line);
    }
    Ok(lines)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if MADE.iter().any(|made| path.ends_with(made)) {
        return Ok(());
    }
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        walk(&entry?.path(), files)?;
    }
    Ok(())
}
