//! `cargo xtask pack`: the npm packages of the SDKs, as tarballs in target/packages/.

pub(crate) mod addon;
mod client;
mod node;
pub(crate) mod npm;
pub(crate) mod wasm;

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::{tree, workspace};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Builds nothing but the addon for this Rust target, into target/addons/
    #[arg(long, value_name = "TARGET", conflicts_with = "addons")]
    addon_for: Option<String>,
    /// Takes the addons of all platforms from this folder instead of building this machine's
    #[arg(long, value_name = "FOLDER")]
    addons: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(target) = &options.addon_for {
        return addon::build(addon::Platform::of(target)?).map(drop);
    }
    let addons = match &options.addons {
        Some(folder) => addon::all_from(folder)?,
        None => addon::of_this_machine()?.into_iter().collect(),
    };
    // What is there afterwards is of one version and one build.
    let packages = packages();
    if packages.exists() {
        fs::remove_dir_all(&packages)?;
    }
    fs::create_dir_all(&packages)?;
    node::pack(&addons)?;
    client::pack()?;
    for tarball in fs::read_dir(&packages)? {
        let tarball = tarball?;
        println!(
            "  {} ({} kB)",
            tarball.path().display(),
            tarball.metadata()?.len().div_ceil(1000)
        );
    }
    Ok(())
}

/// Packs, unless the tarballs that are there were made from the sources as they are.
pub(crate) fn as_it_is() -> Result<()> {
    const SOURCES: [&str; 9] = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "sdk-core",
        "sdk-node",
        "sdk-wasm",
        "xtask/js",
        "xtask/src/pack",
    ];
    let sources = SOURCES.map(|source| workspace::root().join(source));
    tree::stamped("the packed SDKs", &sources, &packages(), || {
        run(&Options::default())
    })
}

/// Where the tarballs go.
pub(crate) fn packages() -> PathBuf {
    workspace::target().join("packages")
}
