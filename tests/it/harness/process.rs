//! The relay as an operator runs it: a process of its own, for what only a process does.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::wait::{until, within};

/// A running `forge-relay`; it ends with the test.
pub(crate) struct RelayProcess {
    pub(crate) child: Child,
    log: Arc<Mutex<String>>,
}

/// `forge-relay` with these words and only these variables.
pub(crate) fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-relay-under-test"));
    command
        .args(words)
        .env_clear()
        .envs(variables.iter().copied())
        .kill_on_drop(true);
    // A folder without a forge-relay.toml.
    command.current_dir(std::env::temp_dir());
    command
}

impl RelayProcess {
    /// `forge-relay serve` on a free port, with JSON logs.
    pub(crate) fn serve(variables: &[(&str, &str)]) -> Self {
        let mut command = command(&["serve"], variables);
        command
            .env("RELAY_BIND", "127.0.0.1:0")
            .env("RELAY_LOG_FORMAT", "json");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        // Both, so that a log on the wrong one is still searched for secrets.
        collect(child.stdout.take().unwrap(), Arc::clone(&log));
        collect(child.stderr.take().unwrap(), Arc::clone(&log));
        Self { child, log }
    }

    /// Everything that it has printed.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Where it says that it listens.
    pub(crate) async fn address(&self) -> SocketAddr {
        until("the relay to say where it listens", || async {
            let log = self.log();
            let from = log.find("127.0.0.1:")?;
            let port: String = log[from + 10..]
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
        })
        .await
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    /// How it ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within("the relay to end", self.child.wait()).await.unwrap()
    }
}

fn collect(pipe: impl tokio::io::AsyncRead + Unpin + Send + 'static, log: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}
