//! `cargo xtask pack`: the npm packages, as tarballs in target/packages/.

pub(crate) mod client;
mod npm;
mod wasm;

use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    client::pack()?;
    Ok(())
}
