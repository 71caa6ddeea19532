//! The rounds: every scenario, and in it every peer right after the other, so that what the machine does besides
//! happens to all.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::figures::{Run, Runs};
use super::options::Options;
use super::peer::{Peer, Programs};
use super::scenario::Scenario;
use super::server::{Scratch, Server};
use super::table;
use super::targets::{self, Target, Verdict};
use crate::hostile::Neighbours;
use crate::load::Report;
use crate::{os, usage};

/// The longest that one run of the load generator may take.
const LOAD_PATIENCE: Duration = Duration::from_secs(300);
/// The longest that bad neighbours may take to begin.
const HOSTILE_PATIENCE: Duration = Duration::from_secs(60);
/// Files that a server or the load generator has open at most, beside its connections.
const OTHER_FILES: u64 = 500;

/// What came of all rounds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    machine: Machine,
    quick: bool,
    runs: Vec<Run>,
    targets: Vec<Target>,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
}

impl Summary {
    /// The table.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// No run failed, every run of the relay is valid (beside bad neighbours its targets say enough), and no target was missed; one that has no verdict because its
    /// peer was not asked for, or did badly, is not missed.
    pub fn is_good(&self) -> bool {
        let failed = self
            .runs
            .iter()
            .any(|run| run.error.is_some() || (run.must_be_valid() && !run.is_valid()));
        let missed = |target: &Target| target.verdict == Verdict::Miss;
        !failed && !self.targets.iter().any(missed)
    }
}

/// Measures, with a line of progress on standard error for each run. Dropping the future ends all children.
pub async fn run(options: &Options) -> Result<Summary, String> {
    let (scenarios, peers) = (options.scenarios(), options.peers());
    let programs = options.programs()?;
    for peer in &peers {
        peer.check(&programs)?;
    }
    let scratch = Scratch::new().map_err(|error| format!("no folder for logs: {error}"))?;
    let files = os::raise_open_files().map_err(|error| format!("open files: {error}"))?;
    let secret = secret().map_err(|error| format!("no randomness: {error}"))?;

    let of_a_round: usize = scenarios
        .iter()
        .map(|scenario| {
            let peers = peers.iter().filter(|peer| scenario.is_for(**peer)).count();
            peers * options.neighbours(*scenario).len()
        })
        .sum();
    let total = options.rounds() as usize * of_a_round;
    let start = Instant::now();
    let mut runs = Runs::default();
    for round in 1..=options.rounds() {
        for &scenario in &scenarios {
            let clients = scenario.connections(options.quick) as u64;
            if files < clients + OTHER_FILES {
                return Err(format!(
                    "{} needs {} open files and {files} are allowed: raise the hard limit (ulimit -Hn)",
                    scenario.name(),
                    clients + OTHER_FILES
                ));
            }
            // Each round begins with another peer: none is always the first after another scenario.
            let first = (round as usize - 1) % peers.len();
            let asked = peers.iter().cycle().skip(first).take(peers.len());
            let asked = asked.filter(|peer| scenario.is_for(**peer));
            for (&peer, neighbours) in asked.flat_map(|peer| {
                let neighbours = options.neighbours(scenario).into_iter();
                neighbours.map(move |neighbours| (peer, neighbours))
            }) {
                let run = Run {
                    round,
                    scenario,
                    peer,
                    neighbours,
                    report: None,
                    error: None,
                };
                let run = one(options, &programs, &scratch, &secret, run).await;
                let seconds = start.elapsed().as_secs();
                let beside = neighbours.map_or("", Neighbours::name);
                eprintln!(
                    "[{:>2}/{total} {:>2}:{:02}] round {round} · {} · {} {beside}: {}",
                    runs.0.len() + 1,
                    seconds / 60,
                    seconds % 60,
                    scenario.name(),
                    peer.name(),
                    table::line(&run)
                );
                runs.0.push(run);
            }
        }
    }
    let targets = if peers.contains(&Peer::Relay) {
        targets::judge(&runs, &scenarios)
    } else {
        Vec::new()
    };
    let machine = Machine::this();
    let mut text = format!(
        "{}, {} cores, Linux {}; {} round(s){}\n",
        machine.processor,
        machine.cores,
        machine.kernel,
        options.rounds(),
        if options.quick {
            ", quick: not to be quoted"
        } else {
            ""
        }
    );
    text += &table::print(&runs, &scenarios, &peers, &targets);
    let summary = Summary {
        machine,
        quick: options.quick,
        runs: runs.0,
        targets,
        text,
    };
    if let Some(file) = &options.json {
        write_json(file, &summary)?;
    }
    Ok(summary)
}

async fn one(
    options: &Options,
    programs: &Programs,
    scratch: &Scratch,
    secret: &str,
    mut run: Run,
) -> Run {
    let mut server = match Server::start(run.peer, programs, secret, scratch).await {
        Ok(server) => server,
        Err(error) => {
            run.error = Some(error);
            return run;
        }
    };
    let disturbed = match run.neighbours {
        Some(neighbours) => disturb(programs, secret, neighbours, &server)
            .await
            .map(Some),
        None => Ok(None),
    };
    let loaded = match &disturbed {
        Ok(_) => load(options, programs, secret, run.scenario, &server).await,
        Err(error) => Err(error.clone()),
    };
    // Before the server ends, so that it has nobody to wait for.
    drop(disturbed);
    match loaded {
        Ok(report) => run.report = Some(report),
        Err(error) => {
            // That the server is gone says more than that its connections are; the kernel closes those first.
            sleep(Duration::from_millis(200)).await;
            run.error = Some(server.alive().err().unwrap_or(error));
        }
    }
    if let Err(error) = server.end().await {
        run.error.get_or_insert(error);
    }
    run
}

/// Starts the bad neighbours and waits until they have begun; they end when this is dropped.
async fn disturb(
    programs: &Programs,
    secret: &str,
    neighbours: Neighbours,
    server: &Server,
) -> Result<Child, String> {
    let mut child = Command::new(programs.folder.join("bench-hostile"))
        .args(["--server", &server.sockets.to_string()])
        .args(["--neighbours", neighbours.name()])
        .env("RELAY_SECRET", secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start the bad neighbours: {error}"))?;
    let Some(mut said) = child.stdout.take() else {
        return Err("the bad neighbours have no output".to_owned());
    };
    let mut word = [0; 5];
    match timeout(HOSTILE_PATIENCE, said.read_exact(&mut word)).await {
        Ok(Ok(_)) => Ok(child),
        _ => Err("the bad neighbours did not begin".to_owned()),
    }
}

async fn load(
    options: &Options,
    programs: &Programs,
    secret: &str,
    scenario: Scenario,
    server: &Server,
) -> Result<Report, String> {
    let load = scenario.load(options.quick);
    let arguments = [
        ("--server", server.sockets.to_string()),
        ("--publish", server.publishes.to_string()),
        ("--pid", server.pid.to_string()),
        ("--transport", load.transport.name().to_owned()),
        ("--clients", load.clients.to_string()),
        ("--sessions", load.sessions.to_string()),
        ("--rate", load.rate.to_string()),
        ("--seconds", load.seconds.to_string()),
        ("--warm-up", load.warm_up.to_string()),
        ("--settle", load.settle.to_string()),
        ("--publishers", load.publishers.to_string()),
        ("--pause", load.pause.to_string()),
    ];
    let child = Command::new(programs.folder.join("bench-load"))
        .args(arguments.iter().flat_map(|(name, value)| [*name, value]))
        .env("RELAY_SECRET", secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start the load generator: {error}"))?;
    let output = timeout(LOAD_PATIENCE, child.wait_with_output())
        .await
        .map_err(|_| format!("the load generator took longer than {LOAD_PATIENCE:?}"))?
        .map_err(|error| format!("cannot wait for the load generator: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the load generator printed no report: {error}"))
}

impl Machine {
    fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            processor: read("/proc/cpuinfo")
                .lines()
                .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
                .map_or("unknown processor".to_owned(), |(_, name)| name.to_owned()),
            cores: usage::cores(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// A secret for this run only.
fn secret() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_json(file: &Path, summary: &Summary) -> Result<(), String> {
    let text = serde_json::to_string_pretty(summary).map_err(|error| error.to_string())?;
    fs::write(file, text + "\n")
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}
