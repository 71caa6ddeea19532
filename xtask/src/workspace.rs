//! Where things are.

use std::path::{Path, PathBuf};

/// The workspace's root, wherever the command was started.
pub(crate) fn root() -> &'static Path {
    const XTASK: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(XTASK).parent().unwrap_or(Path::new(XTASK))
}

/// Cargo's output folder, which `CARGO_TARGET_DIR` may move.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || root().join("target"),
        |folder| root().join(folder), // `join` keeps an absolute path as it is
    )
}

/// What the set-up leaves behind: logs, stamps, tools. `cargo clean` removes it with the rest.
pub(crate) fn scratch() -> PathBuf {
    target().join("xtask")
}

/// The cargo that runs us, so that a `cargo +toolchain xtask` stays on its toolchain.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
