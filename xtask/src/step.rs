//! A step is one command with one progress line. Its output is kept aside and shown when it fails.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, Write, stdout};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A command that starts in the workspace's root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// A cargo command that starts in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(workspace::cargo());
    command.args(arguments);
    command
}

/// Runs a command behind a progress line; only a failure shows what it printed.
pub(crate) fn quiet(title: &str, command: Command) -> Result<()> {
    quiet_within(Duration::MAX, title, command)
}

/// The same for a command that other people wrote: it is ended when it takes longer than `limit`.
pub(crate) fn quiet_within(limit: Duration, title: &str, command: Command) -> Result<()> {
    let words = shown(&command);
    let (status, log) = logged(limit, title, command)?;
    if status.success() {
        return Ok(());
    }
    println!("{}", log.trim_end());
    bail!("{title} failed ({status}): {words}");
}

/// Runs a command behind a progress line, for a caller who knows what its failure means: whether it succeeded, and what
/// it printed.
pub(crate) fn tried(title: &str, command: Command) -> Result<(bool, String)> {
    let (status, log) = logged(Duration::MAX, title, command)?;
    Ok((status.success(), log))
}

fn logged(limit: Duration, title: &str, mut command: Command) -> Result<(ExitStatus, String)> {
    let folder = workspace::scratch().join("logs");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!(
        "{}.log",
        title.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    ));
    let log = File::create(&path)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);

    let line = Line::start(title);
    let mut child = command.spawn().with_context(|| cannot_start(&command))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if line.start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            line.end("FAILED");
            bail!(
                "{title} took longer than {} s: {}",
                limit.as_secs(),
                shown(&command)
            );
        }
        line.tick();
        std::thread::sleep(Duration::from_millis(50));
    };
    line.end(if status.success() { "ok" } else { "FAILED" });
    // What a program prints about bytes need not be text.
    let log = fs::read(&path).unwrap_or_default();
    Ok((status, String::from_utf8_lossy(&log).into_owned()))
}

/// Runs a command whose output is the point, between two progress lines.
pub(crate) fn streamed(title: &str, mut command: Command) -> Result<()> {
    println!("▸ {title}");
    let start = Instant::now();
    let status = command.status().with_context(|| cannot_start(&command))?;
    let seconds = seconds(start.elapsed());
    if status.success() {
        println!("✓ {title} {seconds}");
        return Ok(());
    }
    println!("✗ {title} {seconds}");
    bail!("{title} failed ({status}): {}", shown(&command));
}

/// A step whose result stands from an earlier run.
pub(crate) fn cached(title: &str) {
    println!("✓ {title} (cached)");
}

/// Runs `work` when `source` changed since it last succeeded, or when `product` is gone.
/// The stamp is a copy of `source`: equality needs no clock and no hash.
pub(crate) fn stamped(
    title: &str,
    source: &Path,
    product: &Path,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let folder = workspace::scratch().join("stamps");
    let name = source
        .strip_prefix(workspace::root())
        .unwrap_or(source)
        .to_string_lossy()
        .replace('/', "-");
    let stamp = folder.join(name);
    let wanted =
        fs::read(source).with_context(|| format!("{} cannot be read", source.display()))?;
    if product.exists() && fs::read(&stamp).is_ok_and(|done| done == wanted) {
        cached(title);
        return Ok(());
    }
    work()?;
    fs::create_dir_all(&folder)?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

/// One line of progress. On a terminal it counts the seconds; elsewhere it is printed when it is done.
struct Line<'a> {
    title: &'a str,
    start: Instant,
    live: bool,
}

impl<'a> Line<'a> {
    fn start(title: &'a str) -> Self {
        let line = Self {
            title,
            start: Instant::now(),
            live: stdout().is_terminal(),
        };
        if !line.live {
            println!("▸ {title}");
        }
        line.tick();
        line
    }

    fn tick(&self) {
        if self.live {
            print!(
                "\r\x1b[2K▸ {} {}",
                self.title,
                seconds(self.start.elapsed())
            );
            let _ = stdout().flush();
        }
    }

    fn end(&self, outcome: &str) {
        let mark = if outcome == "ok" { '✓' } else { '✗' };
        let clear = if self.live { "\r\x1b[2K" } else { "" };
        println!(
            "{clear}{mark} {} {}",
            self.title,
            seconds(self.start.elapsed())
        );
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("({:.1} s)", elapsed.as_secs_f64())
}

fn cannot_start(command: &Command) -> String {
    format!(
        "{} cannot be started",
        command.get_program().to_string_lossy()
    )
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
