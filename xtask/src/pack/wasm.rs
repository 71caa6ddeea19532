//! A crate as WebAssembly, and as JavaScript where a page may not compile WebAssembly.
//!
//! ```text
//! cargo build --profile wasm   →  wasm-bindgen  →  wasm-opt -Oz  →  NAME.js, NAME.d.ts, NAME_bg.wasm
//!                                                  lowered, wasm2js  →  NAME_bg.wasm.js
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::npm;
use crate::setup;
use crate::step::{cargo, command, quiet, stamped};
use crate::workspace;

/// How the JavaScript around the module gets hold of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glue {
    /// Whoever imports it hands the bytes to `initSync({ module })`. There is no default path in it.
    Web,
    /// It imports the module as a bundler lets one do: `import * as wasm from "./NAME_bg.wasm"`, or from what
    /// [`to_js`] made of it.
    Bundler,
}

/// Where the files are: `NAME.js`, `NAME.d.ts`, `NAME_bg.wasm`, and for [`Glue::Bundler`] `NAME_bg.js`.
pub(crate) struct Module {
    pub(crate) folder: PathBuf,
    pub(crate) name: &'static str,
}

impl Module {
    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}{suffix}", self.name))
    }
}

/// Makes a module of a crate of the workspace, as small as it gets.
pub(crate) fn build(package: &str, name: &'static str, glue: Glue) -> Result<Module> {
    setup::wasm_target()?;
    setup::npm("xtask/js")?;
    let mut compile = cargo(&[
        "build",
        "--locked",
        "--profile",
        "wasm",
        "--target",
        "wasm32-unknown-unknown",
        "--package",
        package,
    ]);
    // wasm2js knows neither, and one glue serves both forms.
    compile.args([
        "--config",
        "target.wasm32-unknown-unknown.rustflags=['-Ctarget-feature=-reference-types,-multivalue']",
    ]);
    quiet(&format!("{package} for wasm32"), compile)?;
    quiet(
        "wasm-bindgen",
        cargo(&["build", "--locked", "--package", "xtask-bindgen"]),
    )?;

    let target = match glue {
        Glue::Web => "web",
        Glue::Bundler => "bundler",
    };
    let compiled = workspace::target()
        .join("wasm32-unknown-unknown/wasm")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let folder = workspace::scratch()
        .join("pack")
        .join(format!("{package}-{target}"));
    fs::create_dir_all(&folder)?;
    let module = Module { folder, name };

    let wasm = module.file("_bg.wasm");
    let optimize = [
        &FEATURES[..],
        &["-Oz", "--strip-debug", "--strip-producers"],
    ]
    .concat();
    let inputs = inputs(&module.file(".inputs"), &compiled, &optimize)?;
    let title = format!("{package}, bound and optimized");
    stamped(&title, &inputs, &wasm, || {
        let mut bindgen = command(workspace::target().join("debug").join("xtask-bindgen"));
        bindgen
            .arg(target)
            .arg(&compiled)
            .arg(&module.folder)
            .arg(name);
        quiet(&format!("{package} bound to JavaScript"), bindgen)?;
        let mut wasm_opt = npm::tool("binaryen/bin/wasm-opt");
        wasm_opt.args(&optimize).arg(&wasm).arg("-o").arg(&wasm);
        quiet(&title, wasm_opt)
    })?;
    Ok(module)
}

/// The same module as JavaScript, an ECMAScript module with the exports of the WebAssembly; answers its file, which lies
/// beside the glue as `NAME_bg.wasm.js`.
pub(crate) fn to_js(module: &Module) -> Result<PathBuf> {
    // JavaScript has none of these; after them it is WebAssembly as it was first.
    const LOWER: [&str; 4] = [
        "--signext-lowering",
        "--llvm-nontrapping-fptoint-lowering",
        "--llvm-memory-copy-fill-lowering",
        "-Oz",
    ];
    let wasm = module.file("_bg.wasm");
    let lowered = module.file("_lowered.wasm");
    let js = module.file("_bg.wasm.js");
    let inputs = inputs(&module.file(".js.inputs"), &wasm, &LOWER)?;
    let title = format!("{} as JavaScript", module.name);
    stamped(&title, &inputs, &js, || {
        let mut lower = npm::tool("binaryen/bin/wasm-opt");
        lower
            .args(FEATURES)
            .args(LOWER)
            .arg(&wasm)
            .arg("-o")
            .arg(&lowered);
        quiet(&format!("{}, lowered", module.name), lower)?;
        let mut wasm2js = npm::tool("binaryen/bin/wasm2js");
        wasm2js
            .args(FEATURES)
            .arg("-Oz")
            .arg(&lowered)
            .arg("-o")
            .arg(&js);
        quiet(&title, wasm2js)
    })?;
    Ok(js)
}

/// What rustc's wasm32 target uses, and browsers and Node have had for years.
const FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
];

/// Everything that a step's product depends on, in one file, for its stamp.
fn inputs(file: &Path, source: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let mut inputs = arguments.join(" ").into_bytes();
    inputs.push(b'\n');
    inputs
        .extend(fs::read(source).with_context(|| format!("{} cannot be read", source.display()))?);
    fs::write(file, inputs)?;
    Ok(file.to_path_buf())
}
