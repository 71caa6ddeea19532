//! A thread that owns a share of the clients.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::connection::{Connection, Heard};
use super::ledger::Ledger;
use super::options::{Options, Transport};
use super::shared::Shared;
use crate::histogram::Histogram;
use crate::stamp::Finder;

/// Clients of one reader that are connecting at one time.
const CONNECTING: usize = 32;
const BUFFER: usize = 256 * 1024;

/// One client to be opened.
pub(crate) struct Client {
    /// Its number in the whole run.
    pub(crate) number: usize,
    pub(crate) session: u16,
    pub(crate) token: String,
}

/// What a reader hands back at the end.
pub(crate) struct Outcome {
    pub(crate) ledger: Ledger,
    pub(crate) latency: Histogram,
    pub(crate) behind: Histogram,
}

/// Opens `clients` and reads until told to stop; `index` counts the readers.
pub(crate) fn read(
    index: usize,
    options: &Options,
    clients: Vec<Client>,
    shared: &Arc<Shared>,
) -> Result<Outcome, String> {
    let mut reader = Reader {
        index,
        server: options.server,
        transport: options.transport,
        pause: Duration::from_micros(options.pause),
        poll: Poll::new().map_err(|error| format!("no epoll: {error}"))?,
        outcome: Outcome {
            ledger: Ledger::new(
                clients.iter().map(|client| client.session),
                options.publishers,
            ),
            latency: Histogram::new(),
            behind: Histogram::new(),
        },
        connections: Vec::with_capacity(clients.len()),
        waiting: clients.into_iter(),
        connecting: 0,
        finder: Finder::new(),
        deliveries: 0,
        received: 0,
        buffer: vec![0; BUFFER],
        shared: Arc::clone(shared),
    };
    reader.run()?;
    Ok(reader.outcome)
}

struct Reader {
    index: usize,
    server: SocketAddr,
    transport: Transport,
    pause: Duration,
    poll: Poll,
    /// In the order of the ledger's clients; `None` once it ended.
    connections: Vec<Option<Connection>>,
    waiting: std::vec::IntoIter<Client>,
    connecting: usize,
    finder: Finder,
    outcome: Outcome,
    deliveries: u64,
    received: u64,
    buffer: Vec<u8>,
    shared: Arc<Shared>,
}

impl Reader {
    fn run(&mut self) -> Result<(), String> {
        let mut events = Events::with_capacity(1_024);
        while !self.shared.stop.load(Ordering::Relaxed) {
            while self.connecting < CONNECTING
                && let Some(client) = self.waiting.next()
            {
                self.open(client)
                    .map_err(|error| format!("cannot connect to {}: {error}", self.server))?;
            }
            match self.poll.poll(&mut events, Some(Duration::from_millis(50))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(|error| format!("epoll: {error}"))?,
            }
            if events.is_empty() {
                continue;
            }
            let start = Instant::now();
            self.pass(&events)?;
            // All are in: what follows comes without being waited for.
            if self.connecting == 0 && !self.pause.is_zero() {
                std::thread::sleep(self.pause.saturating_sub(start.elapsed()));
            }
        }
        Ok(())
    }

    fn open(&mut self, client: Client) -> io::Result<()> {
        let mut connection = Connection::open(
            self.server,
            client.number,
            client.session,
            client.token,
            self.transport,
        )?;
        self.poll.registry().register(
            connection.stream(),
            Token(self.connections.len()),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.connections.push(Some(connection));
        self.connecting += 1;
        Ok(())
    }

    /// Serves all sockets that were found ready.
    fn pass(&mut self, events: &Events) -> Result<(), String> {
        let start = self.shared.now();
        let before = self.deliveries;
        let mut now = start;
        for event in events {
            let Token(client) = event.token();
            let Some(mut connection) = self.connections[client].take() else {
                continue;
            };
            let was_joined = connection.is_joined();
            now = self.shared.now();
            let outcome = self.serve(client, &mut connection, event, now);
            self.connecting -= usize::from(!was_joined && connection.is_joined());
            match outcome {
                Ok(()) => self.connections[client] = Some(connection),
                // Dropping it closes it, and takes it out of epoll.
                Err(_) if connection.is_joined() => self.outcome.ledger.faults().closed += 1,
                Err(error) => return Err(format!("a client could not join: {error}")),
            }
        }
        let end = self.shared.now();
        self.outcome.behind.record(end - start);
        if self.deliveries > before {
            self.shared.last_delivery.fetch_max(now, Ordering::Release);
            self.shared.received[self.index].store(self.received, Ordering::Release);
            self.shared.deliveries[self.index].store(self.deliveries, Ordering::Release);
        }
        Ok(())
    }

    fn serve(
        &mut self,
        client: usize,
        connection: &mut Connection,
        event: &mio::event::Event,
        now: u64,
    ) -> io::Result<()> {
        if event.is_writable() {
            connection.writable()?;
        }
        if !event.is_readable() && !event.is_read_closed() {
            return Ok(());
        }
        let measured_from = self.shared.measured_from.load(Ordering::Relaxed);
        let Self {
            outcome,
            finder,
            deliveries,
            received,
            shared,
            ..
        } = self;
        let read = connection.readable(&mut self.buffer, |heard| match heard {
            Heard::Event(message) => match finder.find(message) {
                Some(stamp) => {
                    *deliveries += 1;
                    outcome.ledger.event(client, stamp);
                    if stamp.sent_micros >= measured_from {
                        outcome
                            .latency
                            .record(now.saturating_sub(stamp.sent_micros));
                    }
                }
                None => outcome.ledger.faults().garbled += 1,
            },
            Heard::Joined => {
                shared.joined.fetch_add(1, Ordering::AcqRel);
            }
            Heard::Resync => outcome.ledger.faults().resyncs += 1,
        })?;
        *received += read as u64;
        Ok(())
    }
}
