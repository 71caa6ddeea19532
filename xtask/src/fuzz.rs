//! `cargo xtask fuzz`: libFuzzer looks for bytes that break a check of tests/fuzz. What it found interesting before is
//! committed, and replayed by every `cargo xtask test`; what it finds interesting here stays in the target folder,
//! where the next run goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::setup;
use crate::step::{cargo, quiet, tried};
use crate::workspace;

/// Longer inputs are not tried; tests/fuzz/checks has the same number.
const MAX_INPUT: usize = 4096;

#[derive(Args)]
pub(crate) struct Options {
    /// Only these: the names of the files in tests/fuzz/targets
    targets: Vec<String>,
    /// For how long each is fuzzed
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
    /// Fuzzes nothing, but runs the one target on this file, on stable Rust: whether a finding still is one
    #[arg(long, value_name = "FILE")]
    reproduce: Option<PathBuf>,
    /// Minimises what was found interesting, and writes it to tests/fuzz/corpus to be committed
    #[arg(long)]
    save: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let targets = targets(&options.targets)?;
    if let Some(file) = &options.reproduce {
        let [target] = targets.as_slice() else {
            bail!("name the one target to run it on");
        };
        let file =
            fs::canonicalize(file).with_context(|| format!("{} cannot be read", file.display()))?;
        return quiet(
            &format!("{target} with {}", file.display()),
            corpus("run", target, &file),
        );
    }

    let cargo_fuzz = setup::cargo_fuzz()?;
    // The versions that are fuzzed are those that are shipped.
    fs::copy(
        workspace::root().join("Cargo.lock"),
        workspace::root().join("tests/fuzz/Cargo.lock"),
    )?;
    for target in &targets {
        let title = format!("corpus of {target}");
        quiet(&title, corpus("unpack", target, &inputs(target)))?;
    }
    let mut build = setup::nightly(&cargo_fuzz);
    build.args(["build", "--fuzz-dir", "tests/fuzz"]);
    quiet("the fuzzers", built(build))?;

    let findings: Vec<String> = targets
        .iter()
        .map(|target| fuzz(&cargo_fuzz, target, options.minutes))
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    if options.save {
        for target in &targets {
            save(&cargo_fuzz, target)?;
        }
    }
    Ok(())
}

/// Fuzzes one target, and answers with what to say of a finding.
fn fuzz(cargo_fuzz: &Path, target: &str, minutes: u32) -> Result<Option<String>> {
    let findings = folder(target).join("findings");
    fs::create_dir_all(&findings)?;

    let mut run = setup::nightly(cargo_fuzz);
    run.args(["run", "--fuzz-dir", "tests/fuzz"]);
    let mut run = built(run);
    run.arg(target).arg(inputs(target)).arg("--").args([
        format!("-max_total_time={}", u64::from(minutes) * 60),
        format!("-max_len={MAX_INPUT}"),
        format!("-artifact_prefix={}/", findings.display()),
        // What takes seconds, or half a gigabyte, for so few bytes, is a finding too.
        "-timeout=5".to_owned(),
        "-rss_limit_mb=512".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    let title = format!("fuzzing {target} for {minutes} min");
    let (passed, log) = tried(&title, run)?;
    if passed {
        println!("{}", statistics(&log));
        return Ok(None);
    }
    let written = |line: &str| Some(line.split_once("Test unit written to ")?.1.to_owned());
    let Some(file) = log.lines().find_map(written) else {
        bail!("{title} failed, and not by a finding:\n{log}");
    };
    let why = log.lines().skip_while(|line| !line.contains("panicked at"));
    let why: Vec<&str> = why.take(4).collect();
    Ok(Some(format!(
        "{target} does not hold for {file}\n{why}\nSee it again with: cargo xtask fuzz {target} --reproduce {file}",
        why = why.join("\n"),
    )))
}

/// Of the inputs that reach the same code, the smallest is kept.
fn save(cargo_fuzz: &Path, target: &str) -> Result<()> {
    let smallest = folder(target).join("smallest");
    if smallest.exists() {
        fs::remove_dir_all(&smallest)?;
    }
    fs::create_dir_all(&smallest)?;
    let mut merge = setup::nightly(cargo_fuzz);
    merge.args(["run", "--fuzz-dir", "tests/fuzz"]);
    let mut merge = built(merge);
    merge
        .arg(target)
        .args([&smallest, &inputs(target)])
        // How often it is reached does not count: that would be thousands.
        .args(["--", "-merge=1", "-use_counters=0"])
        .arg(format!("-max_len={MAX_INPUT}"));
    quiet(&format!("smallest inputs of {target}"), merge)?;
    quiet(
        &format!("tests/fuzz/corpus/{target}.txt"),
        corpus("pack", target, &smallest),
    )
}

/// Where cargo-fuzz builds. Without a sanitizer: the relay has no unsafe code for it to watch, and more is tried in the
/// same time.
fn built(mut command: Command) -> Command {
    command
        .args(["--sanitizer", "none", "--target-dir"])
        .arg(workspace::scratch().join("fuzz").join("build"));
    command
}

/// Of all that libFuzzer says at the end, how much it did.
fn statistics(log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().rev().find(|line| line.contains(name))?;
        line.rsplit(' ').next()
    };
    let runs = number("stat::number_of_executed_units:").unwrap_or("?");
    let coverage = log.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once(" cov: ")?;
        rest.split(' ').next()
    });
    format!("  {runs} runs, {} branches", coverage.unwrap_or("?"))
}

/// The program of tests/fuzz/checks.
fn corpus(word: &str, target: &str, path: &Path) -> Command {
    let mut corpus = cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "forge-relay-fuzz",
        "--bin",
        "corpus",
        "--",
        word,
        target,
    ]);
    corpus.arg(path);
    corpus
}

fn folder(target: &str) -> PathBuf {
    workspace::scratch().join("fuzz").join(target)
}

fn inputs(target: &str) -> PathBuf {
    folder(target).join("inputs")
}

/// The targets that are named, or all.
fn targets(named: &[String]) -> Result<Vec<String>> {
    let mut all: Vec<String> = files(&workspace::root().join("tests/fuzz/targets"))?
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown}; there are {}", all.join(", "));
    }
    if !named.is_empty() {
        all.retain(|target| named.contains(target));
    }
    Ok(all)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.map(|file| Ok(file?.path()));
    let mut files: Vec<PathBuf> = files.collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}
