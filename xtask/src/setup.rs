//! What a step needs before it can run. What can be installed without asking is installed; for the rest the message
//! names the command that installs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Result, bail};

use crate::step::{cached, command, quiet, stamped};
use crate::workspace;

/// The oldest Node that the tests' packages run on.
const NODE_MAJOR: u32 = 20;
/// The oldest Python 3 that the tests' packages run on.
const PYTHON_MINOR: u32 = 10;
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.1";

/// Node and npm, new enough.
pub(crate) fn node() -> Result<()> {
    let found = version("node").and_then(|text| number(text.trim_start_matches('v'), 0));
    match found {
        Some(major) if major >= NODE_MAJOR => {}
        Some(major) => bail!(
            "Node {major} is too old; Node {NODE_MAJOR} or newer is needed.\nInstall it from https://nodejs.org/en/download"
        ),
        None => bail!(
            "Node is missing; Node {NODE_MAJOR} or newer is needed.\nInstall it from https://nodejs.org/en/download{}",
            debian("nodejs npm")
        ),
    }
    if version("npm").is_none() {
        bail!(
            "npm is missing; it comes with Node.\nInstall Node from https://nodejs.org/en/download{}",
            debian("npm")
        );
    }
    Ok(())
}

/// The packages that the lock file of `folder` names, no others.
pub(crate) fn npm(folder: impl AsRef<Path>) -> Result<()> {
    node()?;
    let folder = workspace::root().join(folder);
    let title = format!("npm packages of {}", relative(&folder));
    stamped(
        &title,
        &folder.join("package-lock.json"),
        &folder.join("node_modules"),
        || {
            let mut npm = Command::new("npm");
            npm.args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(&folder);
            quiet(&title, npm)
        },
    )
}

/// A virtual environment with exactly the packages of `requirements`; answers its folder of programs.
pub(crate) fn python(requirements: &str) -> Result<PathBuf> {
    let found = version("python3").and_then(|text| number(text.trim_start_matches("Python "), 1));
    if found.is_none_or(|minor| minor < PYTHON_MINOR) {
        bail!(
            "Python 3.{PYTHON_MINOR} or newer is missing.\nInstall it from https://www.python.org/downloads{}",
            debian("python3 python3-venv")
        );
    }
    let venv = workspace::target().join("venv");
    let programs = venv.join("bin");
    let source = workspace::root().join(requirements);
    let title = format!("Python packages of {requirements}");
    stamped(&title, &source, &programs.join("python"), || {
        let mut create = command("python3");
        create.args(["-m", "venv", "--clear"]).arg(&venv);
        if let Err(error) = quiet("a Python virtual environment", create) {
            bail!(
                "{error:#}\nPython's venv module may be missing.{}",
                debian("python3-venv")
            );
        }
        let mut install = command(programs.join("python"));
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&source);
        quiet(&title, install)
    })?;
    Ok(programs)
}

/// The standard library for the browser's form of sdk-core.
pub(crate) fn wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let title = format!("Rust target {TARGET}");
    if wasm_std_is_there(TARGET) {
        cached(&title);
        return Ok(());
    }
    if version("rustup").is_none() {
        bail!(
            "the Rust target {TARGET} is missing, and there is no rustup to add it.\nInstall rustup from https://rustup.rs, or your distribution's std for {TARGET}"
        );
    }
    let mut add = command("rustup");
    add.args(["target", "add", TARGET]);
    quiet(&title, add)
}

fn wasm_std_is_there(target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut ask = command(rustc);
    ask.args(["--print", "target-libdir", "--target", target]);
    answer(ask).is_some_and(|folder| {
        std::fs::read_dir(folder.trim()).is_ok_and(|mut files| {
            files.any(|file| {
                file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
            })
        })
    })
}

/// cargo-deny, of the version we wrote deny.toml for.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    tool("cargo-deny", CARGO_DENY)
}

/// cargo-fuzz, and what it needs besides: nightly Rust, and a C++ compiler for libFuzzer.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    if version("rustup").is_none() {
        bail!(
            "rustup is missing, by which nightly Rust is found.\nInstall it from https://rustup.rs"
        );
    }
    let mut ask = command("rustup");
    ask.args(["run", "nightly", "rustc", "--version"]);
    if answer(ask).is_none() {
        bail!(
            "nightly Rust is missing, which libFuzzer needs.\nInstall it with: rustup toolchain install nightly --profile minimal"
        );
    }
    if version("c++").is_none() {
        bail!(
            "a C++ compiler is missing, which libFuzzer needs.\nInstall g++ or clang{}",
            debian("g++")
        );
    }
    tool("cargo-fuzz", CARGO_FUZZ)
}

/// A cargo tool, on nightly Rust instead of the toolchain that runs us.
pub(crate) fn nightly(tool: &Path) -> Command {
    let mut nightly = command("rustup");
    nightly.args(["run", "nightly"]).arg(tool);
    for ours in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        nightly.env_remove(ours);
    }
    nightly
}

/// A cargo tool of exactly this version. Its compilation takes minutes, once.
fn tool(name: &str, wanted: &str) -> Result<PathBuf> {
    let tools = workspace::scratch().join("tools");
    let program = tools.join("bin").join(name);
    let title = format!("{name} {wanted}");
    let mut ask = command(&program);
    ask.arg("--version");
    if answer(ask).is_some_and(|text| text.trim().ends_with(wanted)) {
        cached(&title);
        return Ok(program);
    }
    let mut install =
        crate::step::cargo(&["install", name, "--locked", "--version", wanted, "--root"]);
    install.arg(&tools);
    quiet(&title, install)?;
    Ok(program)
}

/// Chromium, for the tests in a browser. On Debian root gets it installed; others are told what to install.
pub(crate) fn chromium() -> Result<PathBuf> {
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
    let found = || {
        let named = std::env::var("FORGE_RELAY_CHROMIUM").ok();
        let mut names = named.iter().map(String::as_str).chain(NAMES);
        names.find(|name| version(name).is_some()).and_then(path_of)
    };
    if let Some(program) = found() {
        cached("Chromium");
        return Ok(program);
    }
    if Path::new("/etc/debian_version").exists() && is_root() {
        for arguments in [
            &["update"] as &[_],
            &["install", "--yes", "--no-install-recommends", "chromium"],
        ] {
            let mut apt = command("apt-get");
            apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
            quiet(&format!("apt-get {}", arguments.join(" ")), apt)?;
        }
        if let Some(program) = found() {
            return Ok(program);
        }
    }
    bail!(
        "Chromium is missing; the client's tests run in it.\nInstall it from https://www.chromium.org/getting-involved/download-chromium, or name one in FORGE_RELAY_CHROMIUM{}",
        debian("chromium")
    )
}

fn path_of(program: &str) -> Option<PathBuf> {
    let mut ask = command("sh");
    ask.args(["-c", "command -v \"$0\"", program]);
    answer(ask).map(PathBuf::from)
}

fn is_root() -> bool {
    let mut ask = command("id");
    ask.arg("-u");
    answer(ask).is_some_and(|id| id == "0")
}

/// What `program --version` prints, or none where it is missing.
pub(crate) fn version(program: &str) -> Option<String> {
    let mut ask = command(program);
    ask.arg("--version");
    answer(ask)
}

/// What a command prints, or none where it is missing or fails.
pub(crate) fn answer(mut ask: Command) -> Option<String> {
    let Output { status, stdout, .. } = ask.output().ok()?;
    status
        .success()
        .then(|| String::from_utf8_lossy(&stdout).trim().to_owned())
}

/// The `index`th number of a dotted version.
pub(crate) fn number(version: &str, index: usize) -> Option<u32> {
    version.split('.').nth(index)?.trim().parse().ok()
}

/// On Debian and its kin, the command that installs it.
pub(crate) fn debian(packages: &str) -> String {
    if Path::new("/etc/debian_version").exists() {
        format!("\nor: sudo apt-get install {packages}")
    } else {
        String::new()
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(workspace::root())
        .unwrap_or(path)
        .display()
        .to_string()
}
