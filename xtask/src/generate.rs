//! `cargo xtask generate`: writes openapi/ from the code, and from it the TypeScript of the contract. The files are
//! committed and never edited.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::pack::{addon, npm};
use crate::setup;
use crate::step::{cargo, quiet};
use crate::workspace;

/// A file of types, and the types of the contract that its package speaks of.
struct Types {
    file: &'static str,
    names: &'static [&'static str],
}

const TYPES: [Types; 2] = [
    Types {
        file: "sdk-node/ts/contract.ts",
        names: &[
            "Event",
            "Receipt",
            "Receipts",
            "Problem",
            "FieldError",
            "Code",
            "Claims",
            "Minted",
        ],
    },
    Types {
        file: "sdk-wasm/ts/contract.ts",
        names: &["Envelope", "Resync", "Code"],
    },
];

/// What sdk-node's TypeScript knows of the addon; written by the macro that makes it one.
const BINDING: &str = "sdk-node/ts/binding.d.ts";

pub(crate) fn run() -> Result<()> {
    let committed = workspace::root().join("openapi");
    let before = files(&committed)?;
    // Removed first, so that a schema whose type is gone goes too.
    for path in before.keys().filter(|path| is_generated(path)) {
        fs::remove_file(committed.join(path))?;
    }
    write("openapi/ from the code", &committed)?;
    write_types("types of the contract", &committed, workspace::root())?;
    write_binding("types of the addon", workspace::root())
}

/// Fails when the committed files are not what the code says.
pub(crate) fn check() -> Result<()> {
    let fresh = workspace::scratch().join("generated");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let openapi = fresh.join("openapi");
    write("generated files are current", &openapi)?;
    write_types("generated types are current", &openapi, &fresh)?;
    write_binding("types of the addon are current", &fresh)?;

    let mut committed: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (path, content) in files(&workspace::root().join("openapi"))? {
        if is_generated(&path) {
            committed.insert(Path::new("openapi").join(path), content);
        }
    }
    for file in TYPES.iter().map(|types| types.file).chain([BINDING]) {
        let content = fs::read(workspace::root().join(file)).unwrap_or_default();
        committed.insert(file.into(), content);
    }
    let fresh = files(&fresh)?;
    let paths = fresh
        .keys()
        .chain(committed.keys().filter(|path| !fresh.contains_key(*path)));
    let stale: Vec<String> = paths
        .filter(|path| fresh.get(*path) != committed.get(*path))
        .map(|path| path.display().to_string())
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

/// The TypeScript of each package, below `root`, from the schemas of `openapi`.
fn write_types(title: &str, openapi: &Path, root: &Path) -> Result<()> {
    setup::npm("xtask/js")?;
    for Types { file, names } in &TYPES {
        let out = root.join(file);
        fs::create_dir_all(out.parent().unwrap_or(root))?;
        let mut generate = npm::script("contract.mjs");
        generate.arg(openapi.join("schemas")).arg(&out).args(*names);
        quiet(&format!("{title}: {file}"), generate)?;
    }
    Ok(())
}

fn write_binding(title: &str, root: &Path) -> Result<()> {
    let out = root.join(BINDING);
    fs::create_dir_all(out.parent().unwrap_or(root))?;
    let definitions = addon::type_definitions()?;
    let mut generate = npm::script("binding.mjs");
    generate.arg(definitions).arg(&out);
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
