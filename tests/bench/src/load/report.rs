use serde::{Deserialize, Serialize};

use crate::histogram::Quantiles;

/// Everything that one run of the load generator found out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Opening all connections.
    pub connect: ConnectFigures,
    /// The server's memory.
    pub memory: MemoryFigures,
    /// What was published in the measured time; nothing at rate 0.
    pub publish: Option<PublishFigures>,
    /// What arrived of it.
    pub delivery: Option<DeliveryFigures>,
    /// What was wrong with what arrived, warm-up included.
    pub faults: Faults,
    /// What the load generator itself used.
    pub generator: GeneratorFigures,
    /// Why the figures do not count; empty for a valid run.
    pub invalid: Vec<String>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
}

/// Opening all connections: TCP, upgrade, CONNECT with a token, and its answer.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectFigures {
    /// Connections opened.
    pub connections: usize,
    /// How long all of them took.
    pub seconds: f64,
    /// The server's CPU for one, in microseconds.
    pub cpu_micros: f64,
}

/// The server's resident memory, in KiB.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryFigures {
    /// Before the connections.
    pub before_kib: u64,
    /// With all of them, settled.
    pub connected_kib: u64,
    /// The difference, for one.
    pub kib_per_connection: f64,
    /// The most that it ever was, until the end of the run.
    pub peak_kib: u64,
}

/// What was published in the measured time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishFigures {
    /// Events that the schedule made due.
    pub offered: u64,
    /// Events answered 202.
    pub accepted: u64,
    /// Events answered 429 or 503.
    pub refused: u64,
    /// Offered, per second.
    pub offered_per_second: f64,
    /// Accepted, per second.
    pub accepted_per_second: f64,
    /// From the moment that an event was due to the moment that the load generator noticed.
    pub late_micros: Quantiles,
}

/// What arrived of the events of the measured time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryFigures {
    /// Events accepted, times the clients of their sessions.
    pub expected: u64,
    /// Events that arrived.
    pub deliveries: u64,
    /// From the first publish to the last arrival.
    pub seconds: f64,
    /// Deliveries in that time, per second.
    pub per_second: f64,
    /// The server's CPU in that time, for one delivery, publishing included, in microseconds.
    pub cpu_micros: f64,
    /// Bytes that clients read in that time, for one delivery: the event, its frame or headers, and what else was said.
    pub bytes: f64,
    /// From the moment that the event was due to be sent to its arrival at one client.
    pub latency_micros: Quantiles,
}

/// What was wrong, counted over clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Faults {
    /// Accepted events that never arrived.
    pub lost: u64,
    /// Events that arrived again.
    pub repeated: u64,
    /// Events that arrived after a later one of the same publisher.
    pub out_of_order: u64,
    /// Clients that saw another order than most clients of their session.
    pub disagreeing: u64,
    /// Events of another session.
    pub misrouted: u64,
    /// Events without a stamp that can be read.
    pub garbled: u64,
    /// `relay:resync`: an honest loss is a loss.
    pub resyncs: u64,
    /// Connections that ended before the run did.
    pub closed: u64,
}

impl Faults {
    /// Events missing or said to be: what makes a run invalid.
    pub fn missing(&self) -> u64 {
        self.lost + self.resyncs
    }

    /// Any sign that one order, once, was not kept.
    pub fn order_breaks(&self) -> u64 {
        self.out_of_order + self.repeated + self.disagreeing
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.disagreeing += other.disagreeing;
        self.misrouted += other.misrouted;
        self.garbled += other.garbled;
        self.resyncs += other.resyncs;
        self.closed += other.closed;
    }
}

/// What the load generator itself used in the measured time. Shares are of one core.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorFigures {
    /// CPU of each reader thread.
    pub readers: Vec<f64>,
    /// CPU of the publishing thread.
    pub publisher: f64,
    /// Time that the publishing thread was ready to run and had no core.
    pub publisher_waited: f64,
    /// Time that the reader threads were ready to run and had no core, on average.
    pub readers_waited: f64,
    /// From the moment that sockets were found readable to the moment that the last of them was read: how far behind
    /// the readers were.
    pub behind_micros: Quantiles,
    /// The generator's own CPU for one delivery, in microseconds.
    pub cpu_micros: f64,
    /// CPU of the server.
    pub server: f64,
    /// CPU of everything else on the machine.
    pub others: f64,
    /// Cores of the machine.
    pub cores: usize,
}

/// A thread above this share of a core was the limit, whatever the server could do.
const BUSY: f64 = 0.95;
/// Offered that much late, the load was not the load that was asked for.
const LATE_MICROS: u64 = 10_000;
/// Read that much late, the server was writing into full sockets.
const BEHIND_MICROS: u64 = 250_000;
/// Above this share of all cores, the machine was full.
const FULL: f64 = 0.95;
/// Others that used this much of a core disturbed the figures.
const DISTURBED: f64 = 0.15;

impl Report {
    /// Says why the run does not count, and what else a reader should know.
    pub(crate) fn judge(&mut self) {
        let faults = self.faults;
        for (count, what) in [
            (faults.lost, "events lost"),
            (faults.resyncs, "relay:resync"),
            (faults.repeated, "events repeated"),
            (faults.misrouted, "events of another session"),
            (faults.garbled, "events garbled"),
            (faults.closed, "connections ended early"),
        ] {
            if count > 0 {
                self.invalid.push(format!("{count} {what}"));
            }
        }
        for (count, what) in [
            (faults.out_of_order, "events out of their publisher's order"),
            (
                faults.disagreeing,
                "clients saw another order than most of their session",
            ),
        ] {
            if count > 0 {
                self.notes.push(format!("{count} {what}"));
            }
        }
        let generator = &self.generator;
        let busiest = generator
            .readers
            .iter()
            .copied()
            .fold(generator.publisher, f64::max);
        if busiest > BUSY {
            self.invalid.push(format!(
                "the load generator was the limit: a thread used {:.0} % of a core",
                busiest * 100.0
            ));
        }
        if generator.behind_micros.p99 > BEHIND_MICROS {
            self.invalid.push(format!(
                "the load generator was behind in reading: p99 {} ms",
                generator.behind_micros.p99 / 1_000
            ));
        }
        if let Some(publish) = &self.publish {
            // Where the server did not take all, the queue was never empty, and being late changed nothing.
            let all_taken = publish.accepted + publish.refused == publish.offered;
            if all_taken && publish.late_micros.p99 > LATE_MICROS {
                self.invalid.push(format!(
                    "the load generator offered late: p99 {} ms",
                    publish.late_micros.p99 / 1_000
                ));
            }
            if publish.refused > 0 {
                self.notes.push(format!(
                    "{} publishes refused with 429 or 503",
                    publish.refused
                ));
            }
        }
        let own = generator.readers.iter().sum::<f64>() + generator.publisher;
        let used = own + generator.server + generator.others;
        if used > FULL * generator.cores as f64 {
            self.notes.push(format!(
                "machine full: server {:.2}, load generator {own:.2}, others {:.2} of {} cores",
                generator.server, generator.others, generator.cores
            ));
        }
        if generator.others > DISTURBED {
            self.notes.push(format!(
                "disturbed: others used {:.2} cores",
                generator.others
            ));
        }
    }
}
