//! `@forge-relay/node` and its platform packages.
//!
//! ```text
//! dist/index.js         sdk-node/ts in one file: a function that starts cold reads one instead of eight
//! dist/index.mjs        its names for who imports
//! dist/core-native.js   looks for the addon
//! dist/core-wasm.js     the core as WebAssembly, as base64 inside the one file: a bundler has nothing to find
//! dist/*.d.ts           the types, each file by itself
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::addon::{Addon, Platform};
use super::{npm, wasm};
use crate::step::{command, quiet};
use crate::workspace;

pub(super) fn pack(addons: &[Addon]) -> Result<()> {
    let source = workspace::root().join("sdk-node");
    let module = wasm::build("forge-relay-node-wasm", "core", wasm::Glue::Web)?;

    let package = fresh("node")?;
    let dist = package.join("dist");
    let mut tsc = npm::tsc(&source.join("tsconfig.json"));
    tsc.arg("--outDir").arg(&dist);
    quiet("sdk-node's TypeScript", tsc)?;
    one_file(&dist)?;
    // tsc writes no declarations for declarations.
    fs::copy(source.join("ts/binding.d.ts"), dist.join("binding.d.ts"))?;
    inline(&module, &source, &dist.join("core-wasm.js"))?;
    fs::copy(source.join("README.md"), package.join("README.md"))?;
    licences(&package)?;
    let platforms: Vec<&str> = addons.iter().map(|addon| addon.platform.name).collect();
    manifest(&source.join("package.json"), &package, &platforms)?;
    npm::pack(&package)?;

    for addon in addons {
        platform(addon)?;
    }
    Ok(())
}

/// Joins what index.js requires into it, but for the core, which is chosen where it runs.
fn one_file(dist: &Path) -> Result<()> {
    const KEPT: [&str; 2] = ["index.js", "core-native.js"];
    let index = dist.join("index.js");
    let mut esbuild = npm::tool("esbuild/bin/esbuild");
    esbuild
        .arg(&index)
        .args([
            "--bundle",
            "--format=cjs",
            "--platform=node",
            "--target=node20",
            "--external:#core",
            "--allow-overwrite",
            "--log-level=warning",
        ])
        .arg(format!("--outfile={}", index.display()));
    quiet("sdk-node's JavaScript", esbuild)?;
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".js") && !KEPT.contains(&&*name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Glue and module as one file of CommonJS.
fn inline(module: &wasm::Module, source: &Path, out: &Path) -> Result<()> {
    let folder = module.folder.join("inline");
    fs::create_dir_all(folder.join("wasm"))?;
    fs::copy(module.file(".js"), folder.join("wasm/core.js"))?;
    fs::copy(source.join("ts/core-wasm.ts"), folder.join("core-wasm.ts"))?;
    let mut encode = command("node");
    encode
        .args(["-e", "const [wasm, out] = process.argv.slice(1); const fs = require('fs'); fs.writeFileSync(out, `export const base64 = '${fs.readFileSync(wasm, 'base64')}';\\n`)"])
        .arg(module.file("_bg.wasm"))
        .arg(folder.join("wasm/bytes.js"));
    quiet("WebAssembly as text", encode)?;
    let mut esbuild = npm::tool("esbuild/bin/esbuild");
    esbuild
        .arg(folder.join("core-wasm.ts"))
        .args([
            "--bundle",
            "--format=cjs",
            "--platform=node",
            "--target=node20",
            "--minify",
            "--log-level=warning",
        ])
        .arg(format!("--outfile={}", out.display()));
    quiet("WebAssembly inlined", esbuild)
}

/// The package.json of sdk-node, with the workspace's version and the platforms that are packed with it.
fn manifest(source: &Path, package: &Path, platforms: &[&str]) -> Result<()> {
    let text = fs::read_to_string(source)?;
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let optional: Vec<String> = platforms
        .iter()
        .map(|name| {
            format!(
                "    \"@forge-relay/node-{name}\": \"{}\"",
                env!("CARGO_PKG_VERSION")
            )
        })
        .collect();
    let optional = format!(
        "{version},\n  \"optionalDependencies\": {{\n{}\n  }}",
        optional.join(",\n")
    );
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("\"version\":"))
        .context("sdk-node/package.json has no version")?
        .trim()
        .trim_end_matches(',');
    fs::write(package.join("package.json"), text.replace(line, &optional))?;
    Ok(())
}

/// A package with nothing but the addon.
fn platform(addon: &Addon) -> Result<()> {
    let Platform {
        name,
        os,
        cpu,
        libc,
        ..
    } = addon.platform;
    let package = fresh(&format!("node-{name}"))?;
    let file = addon.platform.file();
    fs::copy(&addon.file, package.join(&file))
        .with_context(|| format!("{} cannot be copied", addon.file.display()))?;
    let libc = libc.map_or_else(String::new, |libc| format!("\n  \"libc\": [\"{libc}\"],"));
    let version = env!("CARGO_PKG_VERSION");
    fs::write(
        package.join("package.json"),
        format!(
            r#"{{
  "name": "@forge-relay/node-{name}",
  "version": "{version}",
  "description": "The native core of @forge-relay/node for {name}",
  "license": "MIT OR Apache-2.0",
  "repository": {{ "type": "git", "url": "git+https://github.com/forge-relay/forge-relay.git", "directory": "sdk-node" }},
  "main": "./{file}",
  "files": ["{file}"],
  "os": ["{os}"],
  "cpu": ["{cpu}"],{libc}
  "engines": {{ "node": ">=20" }}
}}
"#
        ),
    )?;
    fs::write(
        package.join("README.md"),
        format!(
            "# @forge-relay/node-{name}\n\nThe native core of [@forge-relay/node](https://www.npmjs.com/package/@forge-relay/node) for {name}. It is\ninstalled with that package where it fits the machine.\n"
        ),
    )?;
    licences(&package)?;
    npm::pack(&package)
}

pub(super) fn licences(package: &Path) -> Result<()> {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(workspace::root().join(licence), package.join(licence))?;
    }
    Ok(())
}

/// An empty folder for a package.
pub(super) fn fresh(name: &str) -> Result<PathBuf> {
    let folder = workspace::scratch().join("packages").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
