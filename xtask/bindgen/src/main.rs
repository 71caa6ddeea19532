//! `xtask-bindgen <web|bundler> <module.wasm> <folder> <name>`: the JavaScript and the types around a module that was
//! compiled against wasm-bindgen. `cargo xtask pack` calls it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [target, module, folder, name] = words.as_slice() else {
        bail!("usage: xtask-bindgen <web|bundler> <module.wasm> <folder> <name>");
    };
    let mut bytes = std::fs::read(module).with_context(|| format!("{module} cannot be read"))?;
    let mut bindgen = Bindgen::new();
    match target.as_str() {
        // The page hands the module in: a default path would be a `new URL(…, import.meta.url)`, of which webpack makes
        // a file that nobody loads.
        "web" => bindgen.web(true)?.omit_default_module_path(true),
        "bundler" => bindgen.bundler(true)?,
        other => bail!("{other} is no target: web or bundler"),
    };
    without_what_wasm2js_lacks(&mut bytes);
    bindgen
        .input_bytes(name, bytes)
        .out_name(name)
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(Path::new(folder))
}

/// Says in the module's section `target_features` that it does not use what wasm2js does not know, so that the glue,
/// which both forms share, keeps JavaScript's objects in an array of its own instead of a second table, and takes
/// several results through memory. Our own crates are compiled without either; the standard library, which comes
/// compiled, says that it may use them.
fn without_what_wasm2js_lacks(module: &mut [u8]) {
    for used in [&b"+\x0freference-types"[..], &b"+\x0amultivalue"[..]] {
        let found = module.windows(used.len()).position(|bytes| bytes == used);
        if let Some(sign) = found.and_then(|at| module.get_mut(at)) {
            *sign = b'-';
        }
    }
}
