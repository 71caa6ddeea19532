use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::process::Command;

/// A server to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// Forge Relay
    Relay,
    /// One write of one prepared frame for each client
    Floor,
    /// A plain relay on socketioxide
    Socketioxide,
    /// The brief's design: Fastify, Socket.IO, jsonwebtoken
    Node,
}

/// Where the servers' programs are.
pub(super) struct Programs {
    /// Those of this workspace.
    pub(super) folder: PathBuf,
    pub(super) relay: PathBuf,
    pub(super) node: PathBuf,
}

impl Peer {
    pub(super) const ALL: [Self; 4] = [Self::Relay, Self::Floor, Self::Socketioxide, Self::Node];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Floor => "floor",
            Self::Socketioxide => "socketioxide",
            Self::Node => "node",
        }
    }

    /// The floor takes publishes apart from WebSockets.
    pub(super) fn publishes_apart(self) -> bool {
        self == Self::Floor
    }

    /// Says what is missing before anything is measured.
    pub(super) fn check(self, programs: &Programs) -> Result<(), String> {
        let missing = |path: &Path, cure: &str| {
            if path.exists() {
                Ok(())
            } else {
                Err(format!("{} is not there: {cure}", path.display()))
            }
        };
        match self {
            Self::Relay => missing(
                &programs.relay,
                "build it with `cargo build --release --package forge-relay`",
            ),
            Self::Floor | Self::Socketioxide => missing(
                &programs.folder.join(self.program()),
                "build it with `cargo build --release --package forge-relay-bench`",
            ),
            Self::Node => missing(
                &node_folder().join("node_modules/socket.io/package.json"),
                "install it with `npm ci` in tests/bench/peers/node",
            ),
        }
    }

    /// How it is started; all take the same two addresses and the same secret.
    pub(super) fn command(
        self,
        programs: &Programs,
        sockets: SocketAddr,
        publishes: SocketAddr,
        secret: &str,
    ) -> Command {
        let mut command = match self {
            Self::Relay => {
                let mut command = Command::new(&programs.relay);
                command.arg("serve");
                command
            }
            Self::Floor | Self::Socketioxide => Command::new(programs.folder.join(self.program())),
            Self::Node => {
                let mut command = Command::new(&programs.node);
                command
                    .arg(node_folder().join("server.js"))
                    .env("NODE_ENV", "production");
                command
            }
        };
        // What the user's shell says about a relay is not about this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RELAY_") {
                command.env_remove(name);
            }
        }
        command
            .env("RELAY_BIND", sockets.to_string())
            .env("BENCH_PUBLISH_BIND", publishes.to_string())
            .env("RELAY_SECRET", secret)
            .env("RELAY_LOG", "warn");
        command
    }

    fn program(self) -> &'static str {
        match self {
            Self::Relay => "forge-relay",
            Self::Floor => "bench-floor",
            Self::Socketioxide => "bench-socketioxide",
            Self::Node => "node",
        }
    }
}

fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/node")
}
