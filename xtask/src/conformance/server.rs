//! A server for as long as a judge needs it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; it ends with this.
pub(super) struct Server {
    process: Child,
    /// Where it listens: host and port.
    pub(super) address: String,
    log: PathBuf,
}

impl Server {
    /// The suites' server, for one of them.
    pub(super) fn of_suite(suite: &str, address: &str) -> Result<Self> {
        let mut command = Command::new(program("conformance-server"));
        command.args([suite, address]);
        Self::start(&format!("{suite}-server"), command)
    }

    /// The relay, as an operator runs it, on a free port, and nothing of the environment's settings.
    pub(super) fn relay(secret: &str) -> Result<Self> {
        let mut command = Command::new(program("forge-relay"));
        command.arg("serve").env_clear().envs([
            ("RELAY_SECRET", secret),
            ("RELAY_MINT_TOKENS", "true"),
            ("RELAY_BIND", "127.0.0.1:0"),
            ("RELAY_LOG_FORMAT", "json"),
        ]);
        Self::start("relay", command)
    }

    fn start(name: &str, mut command: Command) -> Result<Self> {
        let folder = super::scratch();
        fs::create_dir_all(&folder)?;
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        // A folder without a forge-relay.toml.
        command.current_dir(&folder).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let process = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let address = String::new();
        let mut server = Self {
            process,
            address,
            log,
        };
        server.address = server.listening(name)?;
        Ok(server)
    }

    /// Waits until it says where it listens.
    fn listening(&mut self, name: &str) -> Result<String> {
        let start = Instant::now();
        loop {
            let ended = self.process.try_wait()?.is_some();
            let log = fs::read_to_string(&self.log)?;
            // Only what is written to its end.
            let line = log.lines().find(|line| line.contains("listening"));
            let address = line.filter(|_| log.ends_with('\n')).and_then(address_in);
            match address {
                Some(address) if !ended => return Ok(address),
                _ if ended || start.elapsed() > PATIENCE => {
                    bail!("{name} does not listen: {}", log.trim())
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has no more to do, whatever became of it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in what a server says when it listens.
fn address_in(line: &str) -> Option<String> {
    const HOST: &str = "127.0.0.1:";
    let port = &line[line.find(HOST)? + HOST.len()..];
    let digits = port.chars().take_while(char::is_ascii_digit);
    Some(HOST.chars().chain(digits).collect())
}

/// A program that was built.
pub(super) fn program(name: &str) -> PathBuf {
    workspace::target().join("debug").join(name)
}
