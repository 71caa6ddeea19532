use std::net::SocketAddr;

use clap::Parser;

/// How clients connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// WebSocket only
    #[default]
    Websocket,
    /// HTTP long polling only
    Polling,
    /// Server-sent events: `GET /sessions/{id}/events`
    Sse,
}

impl Transport {
    /// As the command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Polling => "polling",
            Self::Sse => "sse",
        }
    }
}

/// Loads one server of the benchmark and prints what was measured, as JSON.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench-load")]
pub struct Options {
    /// Where the server takes clients
    #[arg(long)]
    pub server: SocketAddr,
    /// Where it takes POST /events, if elsewhere
    #[arg(long)]
    pub publish: Option<SocketAddr>,
    /// The server's process, whose CPU and memory are measured
    #[arg(long)]
    pub pid: u32,
    /// Signs the clients' tokens, and is the publishers' bearer secret
    #[arg(long, env = "RELAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// How clients connect
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,
    /// Clients, each with a connection of its own
    #[arg(long, default_value_t = 1_000)]
    pub clients: usize,
    /// Sessions over which they are spread evenly
    #[arg(long, default_value_t = 10)]
    pub sessions: usize,
    /// Events offered per second, to all sessions together, in turn; 0 publishes nothing
    #[arg(long, default_value_t = 200)]
    pub rate: u32,
    /// How long is measured
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// How long is published before that, checked but not measured
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
    /// How long nothing happens between connecting and what follows; memory is read at its end
    #[arg(long, default_value_t = 0.5)]
    pub settle: f64,
    /// Keep-alive connections that publish, one request in flight on each
    #[arg(long, default_value_t = 8)]
    pub publishers: usize,
    /// How long a reader waits between two looks at its sockets, in microseconds, unless it has more to do: then a write
    /// wakes nobody, and the server does not pay for clients that in life are other machines
    #[arg(long, default_value_t = 0)]
    pub pause: u64,
    /// Threads that read
    #[arg(long, default_value_t = 2)]
    pub readers: usize,
}

impl Options {
    /// Refuses what cannot be run, with a sentence that says why.
    pub(crate) fn check(&self) -> Result<(), String> {
        let problem = if self.sessions == 0 || self.sessions > 9_999 {
            "--sessions is 1 to 9999"
        } else if self.clients < self.sessions {
            "--clients must be at least --sessions"
        } else if self.publishers == 0 || self.publishers > 999 {
            "--publishers is 1 to 999"
        } else if self.readers == 0 {
            "--readers is at least 1"
        } else if !(self.seconds > 0.0 && self.warm_up >= 0.0 && self.settle >= 0.0) {
            "times are seconds, and not negative"
        } else {
            return Ok(());
        };
        Err(problem.to_owned())
    }

    /// The session of a client: neighbours are in different ones.
    pub(crate) fn session_of(&self, client: usize) -> u16 {
        (client % self.sessions) as u16
    }

    /// How many clients are in a session.
    pub(crate) fn clients_in(&self, session: usize) -> usize {
        self.clients / self.sessions + usize::from(session < self.clients % self.sessions)
    }
}

/// A session's id, as it is in tokens and publishes.
pub(crate) fn session_id(session: u16) -> String {
    format!("bench-{session:04}")
}
