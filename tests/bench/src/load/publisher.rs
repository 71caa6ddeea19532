//! Publishes on a schedule over keep-alive connections, one request in flight on each, the same for every server.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::options::{Options, session_id};
use super::report::PublishFigures;
use super::shared::Shared;
use crate::histogram::Histogram;
use crate::stamp::Stamp;

/// How long an answer may take once nothing more is sent.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Publishers {
    poll: Poll,
    events: Events,
    connections: Vec<Publisher>,
    /// Connections without a request in flight, the longest idle first.
    idle: VecDeque<usize>,
    sessions: usize,
    next_session: usize,
    head: String,
    run: String,
    nonce: u64,
    body: String,
    request: String,
    timestamp: Timestamp,
}

struct Publisher {
    stream: TcpStream,
    answer: Vec<u8>,
    /// The session of the request in flight.
    session: usize,
    /// For each session, how many events were accepted: the number of the last one.
    accepted: Vec<u32>,
}

/// What became of the requests of one stretch of publishing.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
}

impl Publishers {
    pub(crate) fn connect(server: SocketAddr, options: &Options) -> Result<Self, String> {
        let open = || -> io::Result<(Poll, Vec<Publisher>)> {
            let poll = Poll::new()?;
            let mut connections = Vec::new();
            for index in 0..options.publishers {
                let stream = std::net::TcpStream::connect(server)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                poll.registry()
                    .register(&mut stream, Token(index), Interest::READABLE)?;
                connections.push(Publisher {
                    stream,
                    answer: Vec::new(),
                    session: 0,
                    accepted: vec![0; options.sessions],
                });
            }
            Ok((poll, connections))
        };
        let (poll, connections) =
            open().map_err(|error| format!("cannot connect a publisher to {server}: {error}"))?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            idle: (0..connections.len()).collect(),
            connections,
            sessions: options.sessions,
            next_session: 0,
            head: format!(
                "POST /events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: ",
                options.secret
            ),
            // Nonces of two runs against one server must differ.
            run: format!("{:x}", unix_nanos()),
            nonce: 0,
            body: String::new(),
            request: String::new(),
            timestamp: Timestamp::default(),
        })
    }

    /// Offers `rate` events a second for `seconds`, evenly spaced. What no idle connection could take by the end is
    /// offered and not accepted; what is in flight then is waited for.
    pub(crate) fn publish(
        &mut self,
        rate: u32,
        seconds: f64,
        shared: &Shared,
    ) -> Result<PublishFigures, String> {
        let total = (f64::from(rate) * seconds) as u64;
        let start = shared.now();
        let end = start + (seconds * 1e6) as u64;
        let due = |event: u64| start + event * 1_000_000 / u64::from(rate);
        let mut late = Histogram::new();
        let mut waiting = VecDeque::new();
        let mut tally = Tally::default();
        let mut offered = 0;
        loop {
            let now = shared.now();
            while offered < total && due(offered) <= now {
                late.record(now - due(offered));
                waiting.push_back(now);
                offered += 1;
            }
            if now >= end {
                break;
            }
            while let (Some(&sent), Some(connection)) = (waiting.front(), self.idle.front()) {
                self.send(*connection, sent)?;
                waiting.pop_front();
                self.idle.pop_front();
            }
            let next = if offered < total { due(offered) } else { end };
            let wait = next.min(end).saturating_sub(shared.now());
            self.answers(Duration::from_micros(wait), &mut tally)?;
            shared.failure()?;
        }
        let last = shared.now() + PATIENCE.as_micros() as u64;
        while self.idle.len() < self.connections.len() {
            if shared.now() > last {
                return Err(format!("a publish was not answered within {PATIENCE:?}"));
            }
            self.answers(Duration::from_millis(100), &mut tally)?;
            shared.failure()?;
        }
        Ok(PublishFigures {
            offered,
            accepted: tally.accepted,
            refused: tally.refused,
            offered_per_second: offered as f64 / seconds,
            accepted_per_second: tally.accepted as f64 / seconds,
            late_micros: late.quantiles(),
        })
    }

    /// How many events of a session one publisher has had accepted.
    pub(crate) fn accepted(&self, session: usize, publisher: usize) -> u32 {
        self.connections[publisher].accepted[session]
    }

    /// How many events of a session were accepted.
    pub(crate) fn accepted_in(&self, session: usize) -> u64 {
        self.connections
            .iter()
            .map(|publisher| u64::from(publisher.accepted[session]))
            .sum()
    }

    fn send(&mut self, connection: usize, sent_micros: u64) -> Result<(), String> {
        let publisher = &mut self.connections[connection];
        publisher.session = self.next_session;
        self.next_session = (self.next_session + 1) % self.sessions;
        self.nonce += 1;
        let stamp = Stamp {
            session: publisher.session as u16,
            publisher: connection as u16,
            number: publisher.accepted[publisher.session] + 1,
            sent_micros,
        };
        self.body.clear();
        // Writing to a String does not fail.
        let _ = write!(
            self.body,
            r#"{{"sessionId":"{}","event":"vote.cast","payload":"#,
            session_id(stamp.session)
        );
        stamp.write_payload(&mut self.body);
        let _ = write!(
            self.body,
            r#","nonce":"{}-{}","timestamp":"{}"}}"#,
            self.run,
            self.nonce,
            self.timestamp.now()
        );
        self.request.clear();
        let _ = write!(
            self.request,
            "{}{}\r\n\r\n{}",
            self.head,
            self.body.len(),
            self.body
        );
        // Half a kilobyte into a socket whose last request was answered.
        match publisher.stream.write(self.request.as_bytes()) {
            Ok(sent) if sent == self.request.len() => Ok(()),
            Ok(_) => Err("a publisher's socket took half a request".to_owned()),
            Err(error) => Err(format!("a publisher's connection failed: {error}")),
        }
    }

    /// Waits up to `wait` for answers and takes those that are there.
    fn answers(&mut self, wait: Duration, tally: &mut Tally) -> Result<(), String> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other.map_err(|error| format!("epoll: {error}"))?,
        }
        for event in &self.events {
            let Token(index) = event.token();
            let publisher = &mut self.connections[index];
            publisher
                .fill()
                .map_err(|error| format!("a publisher's connection failed: {error}"))?;
            let Some(answer) = answer(&publisher.answer)? else {
                continue;
            };
            match answer.status {
                202 => {
                    tally.accepted += 1;
                    publisher.accepted[publisher.session] += 1;
                }
                429 | 503 => tally.refused += 1,
                status => {
                    return Err(format!(
                        "a publish was answered {status}: {}",
                        String::from_utf8_lossy(&publisher.answer[answer.head..answer.end])
                    ));
                }
            }
            publisher.answer.drain(..answer.end);
            self.idle.push_back(index);
        }
        Ok(())
    }
}

impl Publisher {
    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4_096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Answer {
    status: u16,
    /// Where the body starts.
    head: usize,
    /// Where it ends.
    end: usize,
}

/// The HTTP answer at the start of `bytes`, once it is whole.
fn answer(bytes: &[u8]) -> Result<Option<Answer>, String> {
    let Some(head) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let unreadable = || {
        format!(
            "a publish was answered with what is not HTTP/1.1 with a Content-Length: {}",
            String::from_utf8_lossy(&bytes[..head])
        )
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| unreadable())?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .ok_or_else(unreadable)?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(unreadable)?;
    let head = head + 4;
    let end = head + length;
    Ok((bytes.len() >= end).then_some(Answer { status, head, end }))
}

/// RFC 3339 text, made anew once a second.
#[derive(Default)]
struct Timestamp {
    second: u64,
    text: String,
}

impl Timestamp {
    fn now(&mut self) -> &str {
        let second = unix_nanos() / 1_000_000_000;
        let second = second as u64;
        if second != self.second {
            self.second = second;
            self.text = rfc3339(second);
        }
        &self.text
    }
}

fn unix_nanos() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos())
}

/// `2024-05-01T10:00:00Z`, by the civil calendar of days since 1970 (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
pub(crate) fn rfc3339(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what must hold")]
    use super::*;

    #[test]
    fn timestamps_are_right_around_leap_days_and_years() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_714_557_600, "2024-05-01T10:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(second), text);
        }
    }

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let bytes = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        assert!(answer(&bytes[..bytes.len() - 1]).unwrap().is_none());
        let whole = answer(bytes).unwrap().unwrap();
        assert_eq!((whole.status, whole.end), (202, bytes.len()));
        assert!(answer(b"HTTP/1.1 202 Accepted\r\n\r\n").is_err());
    }
}
