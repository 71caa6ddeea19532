//! `@forge-relay/node` and its platform packages.
//!
//! ```text
//! dist/index.js         sdk-node/ts in one file, for plain Node: a function that starts cold reads one instead of nine
//! dist/core-wasm.js     the core as WebAssembly, where index.js finds no addon
//! dist/index.mjs        the names of index.js for who imports
//! dist/index-names.js   between the two: see `names`
//! dist/wasm.mjs         both in one file, for bundles, the module as base64: a bundler has nothing to find
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
    quiet("sdk-node's types", tsc)?;
    // Nobody but index.js speaks to it, of which it is part.
    fs::remove_file(dist.join("core-native.d.ts"))?;
    // tsc writes no declarations for declarations.
    fs::copy(source.join("ts/binding.d.ts"), dist.join("binding.d.ts"))?;
    bundle(
        &source.join("ts/index.ts"),
        &source.join("ts/core-native.ts"),
        &dist.join("index.js"),
    )?;
    let wasm = inlined(&module, &source)?;
    bundle(&wasm, &wasm, &dist.join("core-wasm.js"))?;
    bundle(&source.join("ts/index.ts"), &wasm, &dist.join("wasm.mjs"))?;
    names(&dist)?;
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

/// Joins TypeScript and the core that it is on in one file, CommonJS or a module as its name says. Classes and functions
/// keep their names, for who reads a stack or prints an object.
fn bundle(entry: &Path, core: &Path, out: &Path) -> Result<()> {
    let is_module = out.extension().is_some_and(|extension| extension == "mjs");
    let mut esbuild = npm::tool("esbuild/bin/esbuild");
    esbuild
        .arg(entry)
        .args([
            "--bundle",
            "--platform=node",
            "--target=node20",
            "--minify-whitespace",
            "--minify-syntax",
            "--log-level=warning",
            // Only where it is needed, and once it is there.
            "--external:./core-wasm.js",
        ])
        .arg(if is_module {
            "--format=esm"
        } else {
            "--format=cjs"
        })
        .arg(format!("--alias:#core={}", core.display()))
        .arg(format!("--outfile={}", out.display()));
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    quiet(&format!("sdk-node's {name}"), esbuild)
}

/// What `import` gives. Before Node runs a file of CommonJS that is imported, it reads it letter by letter for the names
/// of its exports, which would be a third of a cold start; so what is imported is a file with nothing but names.
fn names(dist: &Path) -> Result<()> {
    const WRITE: &str = "const { writeFileSync } = require('fs');
const names = Object.keys(require('./index.js'));
const lines = names.map((name) => `exports.${name} = all.${name};\\n`);
writeFileSync('index-names.js', `const all = require('./index.js');\\n${lines.join('')}`);
writeFileSync('index.mjs', `export { ${names.join(', ')} } from './index-names.js';\\n`);";
    let mut write = command("node");
    write.args(["-e", WRITE]).current_dir(dist);
    quiet("sdk-node's names", write)
}

/// The TypeScript of the core as WebAssembly beside its glue and its module; answers its file.
fn inlined(module: &wasm::Module, source: &Path) -> Result<PathBuf> {
    let folder = module.folder.join("inline");
    fs::create_dir_all(folder.join("wasm"))?;
    fs::copy(module.file(".js"), folder.join("wasm/core.js"))?;
    let core = folder.join("core-wasm.ts");
    fs::copy(source.join("ts/core-wasm.ts"), &core)?;
    let mut encode = command("node");
    encode
        .args(["-e", "const [wasm, out] = process.argv.slice(1); const fs = require('fs'); fs.writeFileSync(out, `export const base64 = '${fs.readFileSync(wasm, 'base64')}';\\n`)"])
        .arg(module.file("_bg.wasm"))
        .arg(folder.join("wasm/bytes.js"));
    quiet("WebAssembly as text", encode)?;
    Ok(core)
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
