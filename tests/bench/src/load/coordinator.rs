//! A run from the first connection to the report.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::ledger;
use super::options::{Options, session_id};
use super::publisher::Publishers;
use super::reader::{self, Client, Outcome};
use super::report::{
    ConnectFigures, DeliveryFigures, GeneratorFigures, MemoryFigures, PublishFigures, Report,
};
use super::shared::Shared;
use crate::histogram::Histogram;
use crate::usage::{ProcessUsage, ThreadUsage, cores, machine_busy};
use crate::{os, token};

/// Connections opened and closed before anything is measured: what a server loads once belongs to no connection.
const FIRST: usize = 20;
/// The longest that joining may take.
const JOIN_PATIENCE: Duration = Duration::from_secs(120);
/// Without a delivery for this long, what has not arrived is lost.
const DRAIN_PATIENCE: Duration = Duration::from_secs(3);

/// Loads a server and says what was measured; an error is a run that could not be finished.
pub fn run(options: &Options) -> Result<Report, String> {
    options.check()?;
    first_connections(options)?;

    let before = usage(options)?;
    let started = Instant::now();
    let crowd = Crowd::open(options, options.clients)?;
    let outcome = loaded(options, &crowd, before, started);
    crowd.shared.stop.store(true, Ordering::Relaxed);
    let outcomes = crowd.close();
    // A reader's own failure says more than what it made fail.
    crowd_failure(&outcomes)?;
    let (mut report, publishers) = outcome?;
    judge(&mut report, outcomes, publishers.as_ref());
    Ok(report)
}

fn crowd_failure(outcomes: &[Result<Outcome, String>]) -> Result<(), String> {
    outcomes
        .iter()
        .find_map(|outcome| outcome.as_ref().err())
        .map_or(Ok(()), |error| Err(error.clone()))
}

/// Opens a few connections and closes them again.
fn first_connections(options: &Options) -> Result<(), String> {
    let crowd = Crowd::open(options, FIRST.min(options.clients))?;
    let joined = crowd.wait_joined();
    crowd.shared.stop.store(true, Ordering::Relaxed);
    crowd_failure(&crowd.close())?;
    joined?;
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

/// All that happens while the clients are there.
fn loaded(
    options: &Options,
    crowd: &Crowd,
    before: ProcessUsage,
    started: Instant,
) -> Result<(Report, Option<Publishers>), String> {
    crowd.wait_joined()?;
    let seconds = started.elapsed().as_secs_f64();
    let joined = usage(options)?;
    thread::sleep(Duration::from_secs_f64(options.settle));
    let settled = usage(options)?;

    let per_client = |value: f64| value / options.clients as f64;
    let grown = settled.rss_kib as f64 - before.rss_kib as f64;
    let mut report = Report {
        connect: ConnectFigures {
            connections: options.clients,
            seconds,
            cpu_micros: per_client((joined.cpu - before.cpu).as_secs_f64() * 1e6),
        },
        memory: MemoryFigures {
            before_kib: before.rss_kib,
            connected_kib: settled.rss_kib,
            kib_per_connection: per_client(grown),
            peak_kib: settled.peak_kib,
        },
        ..Report::default()
    };
    if options.rate == 0 {
        return Ok((report, None));
    }

    let mut publishers = Publishers::connect(options.publish.unwrap_or(options.server), options)?;
    publishers.publish(options.rate, options.warm_up, &crowd.shared)?;
    let warm = crowd.drain(options, &publishers)?;

    let window = Window::open(options, crowd)?;
    let (start, received) = (crowd.shared.now(), crowd.shared.received());
    crowd.shared.measured_from.store(start, Ordering::Relaxed);
    let publish = publishers.publish(options.rate, options.seconds, &crowd.shared)?;
    let drained = crowd.drain(options, &publishers)?;
    let (generator, server_cpu) = window.close(options, crowd)?;

    let deliveries = drained.delivered - warm.delivered;
    let last = crowd.shared.last_delivery.load(Ordering::Acquire);
    let seconds = last.saturating_sub(start).max(1) as f64 / 1e6;
    let per_delivery = |cpu: Duration| cpu.as_secs_f64() * 1e6 / deliveries.max(1) as f64;
    report.generator = GeneratorFigures {
        cpu_micros: per_delivery(generator.cpu),
        ..generator.figures
    };
    report.delivery = Some(DeliveryFigures {
        // What was lost in the warm-up is counted among the faults, not here.
        expected: drained.expected - warm.expected,
        deliveries,
        seconds,
        per_second: deliveries as f64 / seconds,
        cpu_micros: per_delivery(server_cpu),
        bytes: (crowd.shared.received() - received) as f64 / deliveries.max(1) as f64,
        latency_micros: Default::default(),
    });
    report.publish = Some(PublishFigures { ..publish });
    report.memory.peak_kib = usage(options)?.peak_kib;
    Ok((report, Some(publishers)))
}

/// Puts the readers' findings into the report and judges it.
fn judge(
    report: &mut Report,
    outcomes: Vec<Result<Outcome, String>>,
    publishers: Option<&Publishers>,
) {
    let (mut latency, mut behind) = (Histogram::new(), Histogram::new());
    let mut histories = Vec::new();
    for outcome in outcomes.into_iter().flatten() {
        latency.add(&outcome.latency);
        behind.add(&outcome.behind);
        let (faults, seen) = outcome.ledger.close(|session, publisher| {
            publishers.map_or(0, |publishers| {
                publishers.accepted(usize::from(session), publisher)
            })
        });
        report.faults.add(&faults);
        histories.extend(seen);
    }
    report.faults.disagreeing = ledger::disagreeing(&histories);
    report.generator.behind_micros = behind.quantiles();
    if let Some(delivery) = &mut report.delivery {
        delivery.latency_micros = latency.quantiles();
    }
    report.judge();
}

fn usage(options: &Options) -> Result<ProcessUsage, String> {
    ProcessUsage::of(options.pid)
        .map_err(|error| format!("cannot measure process {}: {error}", options.pid))
}

/// The clients and the threads that read them.
struct Crowd {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<Outcome, String>>>,
    thread_ids: Vec<i32>,
    clients: usize,
}

/// How far delivery has come.
struct Drained {
    expected: u64,
    delivered: u64,
}

impl Crowd {
    fn open(options: &Options, clients: usize) -> Result<Self, String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut shares: Vec<Vec<Client>> = (0..options.readers).map(|_| Vec::new()).collect();
        for number in 0..clients {
            let session = options.session_of(number);
            let account = format!("acct-{number}");
            let jti = format!("jti-{clients}-{number}");
            shares[number % options.readers].push(Client {
                number,
                session,
                token: token::mint(&options.secret, &account, &session_id(session), now, &jti),
            });
        }
        let shared = Arc::new(Shared::new(options.readers));
        let (tell_id, ids) = mpsc::channel();
        let threads = shares
            .into_iter()
            .enumerate()
            .map(|(index, clients)| {
                let shared = Arc::clone(&shared);
                let tell_id = tell_id.clone();
                let options = options.clone();
                thread::spawn(move || {
                    let _ = tell_id.send(os::thread_id());
                    let outcome = reader::read(index, &options, clients, &shared);
                    if let Err(error) = &outcome {
                        shared.fail(error.clone());
                    }
                    outcome
                })
            })
            .collect();
        Ok(Self {
            shared,
            threads,
            thread_ids: ids.iter().take(options.readers).collect(),
            clients,
        })
    }

    fn wait_joined(&self) -> Result<(), String> {
        self.shared.wait("joining", JOIN_PATIENCE, || {
            self.shared.joined.load(Ordering::Acquire) == self.clients
        })
    }

    /// Waits until all that was accepted has arrived, or nothing arrives any more.
    fn drain(&self, options: &Options, publishers: &Publishers) -> Result<Drained, String> {
        let expected = (0..options.sessions)
            .map(|session| publishers.accepted_in(session) * options.clients_in(session) as u64)
            .sum();
        let (mut delivered, mut last) = (self.shared.delivered(), Instant::now());
        while delivered < expected && last.elapsed() < DRAIN_PATIENCE {
            self.shared.failure()?;
            thread::sleep(Duration::from_millis(1));
            let now = self.shared.delivered();
            if now > delivered {
                (delivered, last) = (now, Instant::now());
            }
        }
        Ok(Drained {
            expected,
            delivered,
        })
    }

    /// Waits for the readers, which were told to stop.
    fn close(self) -> Vec<Result<Outcome, String>> {
        self.threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a reader thread panicked".to_owned()))
            })
            .collect()
    }
}

/// The measured time: what everybody had used when it began.
struct Window {
    start: Instant,
    server: ProcessUsage,
    readers: Vec<ThreadUsage>,
    publisher: ThreadUsage,
    machine: Duration,
}

/// What the load generator used in the window.
struct Generator {
    figures: GeneratorFigures,
    cpu: Duration,
}

impl Window {
    fn open(options: &Options, crowd: &Crowd) -> Result<Self, String> {
        let failed = |error| format!("cannot measure the load generator: {error}");
        Ok(Self {
            start: Instant::now(),
            server: usage(options)?,
            readers: crowd
                .thread_ids
                .iter()
                .map(|thread| ThreadUsage::of(*thread))
                .collect::<Result<_, _>>()
                .map_err(failed)?,
            publisher: ThreadUsage::of(os::thread_id()).map_err(failed)?,
            machine: machine_busy().map_err(failed)?,
        })
    }

    fn close(self, options: &Options, crowd: &Crowd) -> Result<(Generator, Duration), String> {
        let now = Self::open(options, crowd)?;
        let seconds = now.start.duration_since(self.start).as_secs_f64();
        let share = |time: Duration| time.as_secs_f64() / seconds;
        let readers: Vec<ThreadUsage> = now
            .readers
            .iter()
            .zip(&self.readers)
            .map(|(now, before)| now.since(*before))
            .collect();
        let publisher = now.publisher.since(self.publisher);
        let server = now.server.cpu - self.server.cpu;
        let cpu = publisher.ran + readers.iter().map(|reader| reader.ran).sum::<Duration>();
        let others = now.machine.saturating_sub(self.machine + server + cpu);
        let waited: Duration = readers.iter().map(|reader| reader.waited).sum();
        Ok((
            Generator {
                figures: GeneratorFigures {
                    readers: readers.iter().map(|reader| share(reader.ran)).collect(),
                    publisher: share(publisher.ran),
                    publisher_waited: share(publisher.waited),
                    readers_waited: share(waited) / readers.len() as f64,
                    server: share(server),
                    others: share(others),
                    cores: cores(),
                    ..GeneratorFigures::default()
                },
                cpu,
            },
            server,
        ))
    }
}
