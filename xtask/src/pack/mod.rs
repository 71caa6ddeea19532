//! `cargo xtask pack`: the npm packages, as tarballs in target/packages/.

mod wasm;

use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    let module = wasm::build("forge-relay-node-wasm", "core", wasm::Glue::Web)?;
    let _ = module;
    Ok(())
}
