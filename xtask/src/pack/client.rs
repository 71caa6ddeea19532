//! `@forge-relay/client`: the core in two forms, each in a file of its own that a page loads when it needs it, and the
//! TypeScript on top.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::node::{fresh, licences};
use super::npm;
use super::wasm::{self, Glue, Module};
use crate::setup;
use crate::step::quiet;
use crate::workspace;

const CRATE: &str = "forge-relay-client";

pub(super) fn pack() -> Result<()> {
    setup::npm("sdk-wasm")?;
    let source = workspace::root().join("sdk-wasm");
    let package = fresh("client")?;
    let core = package.join("dist/core");
    fs::create_dir_all(&core)?;

    let wasm = wasm::build(CRATE, "core", Glue::Web)?;
    bundle(&entry_of_wasm(&wasm)?, &core.join("wasm.js"))?;
    let js = wasm::build(CRATE, "core", Glue::Bundler)?;
    wasm::to_js(&js)?;
    bundle(&entry_of_js(&js)?, &core.join("js.js"))?;

    // The compiler reads the types of both forms from beside the source; the package carries them, too.
    let beside = source.join("ts/core");
    fs::create_dir_all(&beside)?;
    for folder in [&beside, &core] {
        write_types(&js, folder)?;
    }
    let mut tsc = npm::tsc(&source.join("tsconfig.json"));
    tsc.arg("--outDir").arg(package.join("dist"));
    quiet("sdk-wasm's TypeScript", tsc)?;
    for file in ["README.md", "package.json"] {
        fs::copy(source.join(file), package.join(file))?;
    }
    licences(&package)?;
    npm::pack(&package)
}

/// One file out of an ECMAScript module and what it imports.
fn bundle(entry: &Path, out: &Path) -> Result<()> {
    let mut esbuild = npm::tool("esbuild/bin/esbuild");
    esbuild
        .args([
            "--bundle",
            "--format=esm",
            // Else it would decode the bytes by a function that only the newest browsers have.
            "--target=es2022",
            "--minify",
            "--log-level=warning",
        ])
        .arg("--loader:.wasm=binary")
        .arg(entry)
        .arg(format!("--outfile={}", out.display()));
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    quiet(&format!("the core's {name} in one file"), esbuild)
}

/// The bytes travel as text in the file: no address to guess, and no bundler that must know about WebAssembly.
fn entry_of_wasm(module: &Module) -> Result<PathBuf> {
    let source = "import init, * as core from \"./core.js\";\n\
                  import bytes from \"./core_bg.wasm\";\n\
                  export async function load() {\n\
                  \u{20} await init({ module_or_path: bytes });\n\
                  \u{20} return core;\n\
                  }\n";
    entry(module, source)
}

fn entry_of_js(module: &Module) -> Result<PathBuf> {
    let source = "import * as core from \"./core_bg.js\";\n\
                  import * as wasm from \"./core_bg.wasm.js\";\n\
                  core.__wbg_set_wasm(wasm);\n\
                  export async function load() {\n\
                  \u{20} return core;\n\
                  }\n";
    entry(module, source)
}

fn entry(module: &Module, source: &str) -> Result<PathBuf> {
    let entry = module.file("_entry.js");
    fs::write(&entry, source)?;
    Ok(entry)
}

fn write_types(module: &Module, folder: &Path) -> Result<()> {
    let generated = fs::read_to_string(module.file(".d.ts"))?;
    // `Symbol.dispose` is newer than the libraries that an app may compile against.
    let types: String = generated
        .lines()
        .filter(|line| !line.contains("Symbol.dispose"))
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(folder.join("core.d.ts"), types)?;
    for form in ["wasm.d.ts", "js.d.ts"] {
        let load = "export declare function load(): Promise<typeof import(\"./core.js\")>;\n";
        fs::write(folder.join(form), load)?;
    }
    Ok(())
}
