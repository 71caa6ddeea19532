use serde::Serialize;

use super::peer::Peer;
use crate::hostile::Neighbours;
use crate::load::Transport;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// 5,000 connections in 500 sessions, nothing published: memory, and CPU to connect
    Idle,
    /// 1,000 clients in 10 sessions, 200 events/s in all: CPU per delivery, latency
    Steady,
    /// 200 clients in one session, 20,000 events/s offered: deliveries/s, CPU per delivery
    Flood,
    /// 5,000 clients in one session, 5 events/s: latency
    Crowd,
    /// 5,000 clients that poll, nothing published: memory, CPU to connect
    PollingIdle,
    /// 1,000 clients that poll, 200 events/s in all: CPU per delivery, latency
    PollingSteady,
    /// 5,000 event streams, nothing published: memory, CPU to connect
    SseIdle,
    /// 1,000 event streams, 200 events/s in all: CPU per delivery, latency
    SseSteady,
    /// 200 clients beside each kind of bad neighbour: their latency with and without it, the server's memory
    Hostile,
}

/// A scenario in the load generator's terms.
pub(super) struct Load {
    pub(super) transport: Transport,
    pub(super) clients: usize,
    pub(super) sessions: usize,
    pub(super) rate: u32,
    pub(super) seconds: f64,
    pub(super) warm_up: f64,
    pub(super) settle: f64,
    pub(super) publishers: usize,
    /// Microseconds; see the load generator's `--pause`.
    pub(super) pause: u64,
}

impl Scenario {
    pub(super) const ALL: [Self; 9] = [
        Self::Idle,
        Self::Steady,
        Self::Flood,
        Self::Crowd,
        Self::PollingIdle,
        Self::PollingSteady,
        Self::SseIdle,
        Self::SseSteady,
        Self::Hostile,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Steady => "steady",
            Self::Flood => "flood",
            Self::Crowd => "crowd",
            Self::PollingIdle => "polling-idle",
            Self::PollingSteady => "polling-steady",
            Self::SseIdle => "sse-idle",
            Self::SseSteady => "sse-steady",
            Self::Hostile => "hostile",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Idle => "idle: 5,000 connections in 500 sessions",
            Self::Steady => "steady: 1,000 clients in 10 sessions, 200 events/s",
            Self::Flood => "flood: 200 clients in one session, 20,000 events/s offered",
            Self::Crowd => "crowd: 5,000 clients in one session, 5 events/s",
            Self::PollingIdle => "polling-idle: 5,000 clients that poll, in 500 sessions",
            Self::PollingSteady => {
                "polling-steady: 1,000 clients that poll, in 10 sessions, 200 events/s"
            }
            Self::SseIdle => "sse-idle: 5,000 event streams, in 500 sessions",
            Self::SseSteady => "sse-steady: 1,000 event streams, in 10 sessions, 200 events/s",
            Self::Hostile => {
                "hostile: 200 clients in 10 sessions, 200 events/s, and bad neighbours"
            }
        }
    }

    /// Whether it is asked of this peer.
    pub(super) fn is_for(self, peer: Peer) -> bool {
        match self {
            Self::PollingIdle | Self::PollingSteady => matches!(peer, Peer::Relay | Peer::Node),
            Self::SseIdle | Self::SseSteady | Self::Hostile => peer == Peer::Relay,
            _ => true,
        }
    }

    /// Whom its clients have beside them, one after the other; first nobody.
    pub(super) fn neighbours(self) -> Vec<Option<Neighbours>> {
        let bad = if self == Self::Hostile {
            &Neighbours::ALL[..]
        } else {
            &[]
        };
        std::iter::once(None)
            .chain(bad.iter().copied().map(Some))
            .collect()
    }

    /// The most connections that its server has at one time.
    pub(super) fn connections(self, quick: bool) -> usize {
        let neighbours = self.neighbours().into_iter().flatten();
        let most = neighbours.map(Neighbours::connections).max().unwrap_or(0);
        self.load(quick).clients + most
    }

    /// A quick run has the same size, so that its figures mean the same, and less time, so that they mean less.
    pub(super) fn load(self, quick: bool) -> Load {
        let load = |clients, sessions, rate, publishers| Load {
            transport: Transport::Websocket,
            clients,
            sessions,
            rate,
            publishers,
            seconds: 0.0,
            warm_up: 1.0,
            settle: 0.5,
            pause: 0,
        };
        let time = |whole: f64, short: f64| if quick { short } else { whole };
        match self {
            Self::Idle => Load {
                settle: time(3.0, 1.0),
                seconds: 1.0,
                ..load(5_000, 500, 0, 1)
            },
            Self::Steady => Load {
                seconds: time(6.0, 2.0),
                ..load(1_000, 10, 200, 8)
            },
            Self::Flood => Load {
                seconds: time(5.0, 2.0),
                pause: 1_000,
                ..load(200, 1, 20_000, 32)
            },
            Self::Crowd => Load {
                seconds: time(10.0, 3.0),
                ..load(5_000, 1, 5, 8)
            },
            Self::PollingIdle => Load {
                transport: Transport::Polling,
                ..Self::Idle.load(quick)
            },
            Self::PollingSteady => Load {
                transport: Transport::Polling,
                ..Self::Steady.load(quick)
            },
            Self::SseIdle => Load {
                transport: Transport::Sse,
                ..Self::Idle.load(quick)
            },
            Self::SseSteady => Load {
                transport: Transport::Sse,
                ..Self::Steady.load(quick)
            },
            Self::Hostile => Load {
                seconds: time(6.0, 2.0),
                ..load(200, 10, 200, 8)
            },
        }
    }
}
