//! A server's life: started, reachable, ended. Only own children, and whatever happens: dropping it kills it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::peer::{Peer, Programs};
use crate::os;

const START_PATIENCE: Duration = Duration::from_secs(20);
const END_PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Server {
    peer: Peer,
    child: Child,
    pub(super) pid: u32,
    pub(super) sockets: SocketAddr,
    pub(super) publishes: SocketAddr,
    log: PathBuf,
}

/// A folder for servers' logs, gone when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("forge-relay-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// Starts it and waits until it takes connections.
    pub(super) async fn start(
        peer: Peer,
        programs: &Programs,
        secret: &str,
        scratch: &Scratch,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot start {}: {error}", peer.name());
        let sockets = free_address().await.map_err(failed)?;
        let publishes = if peer.publishes_apart() {
            free_address().await.map_err(failed)?
        } else {
            sockets
        };
        let log = scratch.0.join(format!("{}.log", peer.name()));
        let child = peer
            .command(programs, sockets, publishes, secret)
            // No configuration file of the user's is there.
            .current_dir(&scratch.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?)
            // Ctrl-C reaches the orchestrator only, which ends its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pid = child.id().unwrap_or_default();
        let mut server = Self {
            peer,
            child,
            pid,
            sockets,
            publishes,
            log,
        };
        server.reachable().await?;
        Ok(server)
    }

    async fn reachable(&mut self) -> Result<(), String> {
        let start = Instant::now();
        for address in [self.sockets, self.publishes] {
            while TcpStream::connect(address).await.is_err() {
                self.alive()?;
                if start.elapsed() > START_PATIENCE {
                    return Err(format!(
                        "{} took no connection within {START_PATIENCE:?}{}",
                        self.peer.name(),
                        tail(&self.log)
                    ));
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// An error once it has ended by itself.
    pub(super) fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!(
                "{} ended by itself: {status}{}",
                self.peer.name(),
                tail(&self.log)
            )),
            Err(error) => Err(format!("cannot watch {}: {error}", self.peer.name())),
        }
    }

    /// Ends it with SIGTERM; an error when it does not end well.
    pub(super) async fn end(mut self) -> Result<(), String> {
        self.alive()?;
        let name = self.peer.name();
        os::terminate(self.pid).map_err(|error| format!("cannot end {name}: {error}"))?;
        match timeout(END_PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if self.ended_well(status) => Ok(()),
            Ok(Ok(status)) => Err(format!("{name} ended with {status}{}", tail(&self.log))),
            Ok(Err(error)) => Err(format!("cannot wait for {name}: {error}")),
            // Dropping it kills it.
            Err(_) => Err(format!(
                "{name} did not end within {END_PATIENCE:?} of SIGTERM"
            )),
        }
    }

    /// The relay drains and exits 0; the others have no handler, and die of the signal.
    fn ended_well(&self, status: ExitStatus) -> bool {
        status.success() || self.peer != Peer::Relay
    }
}

/// A port that was free a moment ago.
async fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await?
        .local_addr()
}

/// The last lines of a server's log, to be put behind a sentence.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n    ");
    if last.is_empty() {
        last
    } else {
        format!("; it said:\n    {last}")
    }
}
