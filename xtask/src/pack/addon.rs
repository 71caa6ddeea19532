//! The native form of sdk-node: one shared library a platform, each in an npm package of its own, so that an installation
//! downloads one of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::{cargo, quiet};
use crate::workspace;

/// A platform that has an addon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Platform {
    /// As napi names it: the end of the package's name.
    pub(crate) name: &'static str,
    /// As Rust names it.
    target: &'static str,
    /// As npm names its parts.
    pub(crate) os: &'static str,
    pub(crate) cpu: &'static str,
    pub(crate) libc: Option<&'static str>,
}

const fn platform(
    name: &'static str,
    target: &'static str,
    os: &'static str,
    cpu: &'static str,
    libc: Option<&'static str>,
) -> Platform {
    Platform {
        name,
        target,
        os,
        cpu,
        libc,
    }
}

/// All of them; ts/core-native.ts looks for these.
pub(crate) const PLATFORMS: [Platform; 7] = [
    platform(
        "darwin-arm64",
        "aarch64-apple-darwin",
        "darwin",
        "arm64",
        None,
    ),
    platform("darwin-x64", "x86_64-apple-darwin", "darwin", "x64", None),
    platform(
        "linux-arm64-gnu",
        "aarch64-unknown-linux-gnu",
        "linux",
        "arm64",
        Some("glibc"),
    ),
    platform(
        "linux-arm64-musl",
        "aarch64-unknown-linux-musl",
        "linux",
        "arm64",
        Some("musl"),
    ),
    platform(
        "linux-x64-gnu",
        "x86_64-unknown-linux-gnu",
        "linux",
        "x64",
        Some("glibc"),
    ),
    platform(
        "linux-x64-musl",
        "x86_64-unknown-linux-musl",
        "linux",
        "x64",
        Some("musl"),
    ),
    platform(
        "win32-x64-msvc",
        "x86_64-pc-windows-msvc",
        "win32",
        "x64",
        None,
    ),
];

impl Platform {
    /// By Rust's name.
    pub(crate) fn of(target: &str) -> Result<Self> {
        match PLATFORMS.into_iter().find(|known| known.target == target) {
            Some(found) => Ok(found),
            None => bail!(
                "there is no addon for {target}; the targets are {}",
                PLATFORMS.map(|known| known.target).join(", ")
            ),
        }
    }

    /// The addon's name as a file.
    pub(crate) fn file(&self) -> String {
        format!("forge-relay-node.{}.node", self.name)
    }
}

/// An addon that was built.
pub(crate) struct Addon {
    pub(crate) platform: Platform,
    pub(crate) file: PathBuf,
}

/// This machine's; none where there is none for it, and WebAssembly will do.
pub(crate) fn of_this_machine() -> Result<Option<Addon>> {
    let host =
        std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--print", "host-tuple"])
            .output()
            .context("rustc cannot be started")?;
    let host = String::from_utf8_lossy(&host.stdout);
    match Platform::of(host.trim()) {
        Ok(platform) => build(platform).map(Some),
        Err(why) => {
            println!("  {why}: packed without an addon");
            Ok(None)
        }
    }
}

/// Builds one into target/addons/.
pub(crate) fn build(platform: Platform) -> Result<Addon> {
    let mut build = cargo(&[
        "build",
        "--locked",
        "--profile",
        "addon",
        "--package",
        "forge-relay-node",
        "--target",
        platform.target,
    ]);
    if platform.libc == Some("musl") {
        // A library that Node loads cannot have a C library of its own.
        build.env("RUSTFLAGS", "-Ctarget-feature=-crt-static");
    }
    quiet(&format!("addon for {}", platform.name), build)?;
    let built = match platform.os {
        "darwin" => "libforge_relay_node.dylib",
        "win32" => "forge_relay_node.dll",
        _ => "libforge_relay_node.so",
    };
    let folder = workspace::target().join("addons");
    fs::create_dir_all(&folder)?;
    let file = folder.join(platform.file());
    let built = workspace::target()
        .join(platform.target)
        .join("addon")
        .join(built);
    fs::copy(&built, &file).with_context(|| format!("{} cannot be copied", built.display()))?;
    Ok(Addon { platform, file })
}

/// What napi-derive writes of the addon's interface while it compiles: a JSON object a line.
pub(crate) fn type_definitions() -> Result<PathBuf> {
    let folder = workspace::scratch().join("addon-types");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    // It writes only when it runs, so what is compiled already must be forgotten.
    let package = ["--package", "forge-relay-node"];
    let mut forget = cargo(&["clean", "--quiet", "--locked"]);
    forget.args(package);
    quiet("addon's interface, forgotten", forget)?;
    let mut compile = cargo(&["check", "--locked"]);
    compile
        .args(package)
        .env("NAPI_TYPE_DEF_TMP_FOLDER", &folder);
    quiet("addon's interface", compile)?;
    Ok(folder.join("forge-relay-node"))
}

/// Every platform's from a folder; a missing one is an error, because a release without it would be slower on that
/// platform without a word.
pub(crate) fn all_from(folder: &Path) -> Result<Vec<Addon>> {
    let addons = PLATFORMS.map(|platform| Addon {
        platform,
        file: folder.join(platform.file()),
    });
    let missing: Vec<String> = addons
        .iter()
        .filter(|addon| !addon.file.exists())
        .map(|addon| addon.platform.file())
        .collect();
    if missing.is_empty() {
        return Ok(addons.into());
    }
    bail!("{} lacks {}", folder.display(), missing.join(", "));
}
