//! Bad neighbours: clients that do what no client should, on and on, while others are measured.
//!
//! They are paced, each kind so that it keeps the relay busy and not the machine: on a machine of two cores a crowd
//! without bounds would show how the kernel shares them, and nothing about the relay.
//!
//! Those that the relay bears for a while before it throws them out begin as much earlier: what is measured contains the
//! moment at which all of them go, and come again.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::load::{rfc3339, session_id};
use crate::{token, websocket};

/// The pause of one that was thrown out, before it comes again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long one waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// From the moment that they have begun to about a second into what is measured: the load generator's first connections,
/// its clients, and its warm-up.
const LEAD: Duration = Duration::from_millis(3_500);
/// Theirs alone, where a healthy client would only find what as many healthy ones cost: an event goes to each of them.
const APART: u16 = 9_000;
/// Events that are published into that session where they are to have something to read, in a second, and the size of
/// their payloads: more than one of them reads, and than the kernel keeps for one.
const EVENTS: u64 = 4;
const EVENT_BYTES: usize = 60_000;

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// 5,000 handshakes that go no further: half of them in HTTP, half without CONNECT
    HalfOpen,
    /// 500 that send a request's header a byte a second
    SlowHeaders,
    /// 50 subscribers whose frames come a byte at a time
    Bytewise,
    /// 50 subscribers of a session with 4 events of 60 kB a second, of which they read 512 bytes
    Drip,
    /// 20 that send 5,000 WebSocket pings a second each
    PingFlood,
    /// 20 that send messages of 16 KiB as fast as they are taken
    LargeMessages,
    /// 1,000 subscribers that answer no ping
    NoPongs,
    /// 50 that send two polls at once, are thrown out, and come again
    OverlappingPolls,
    /// 20 that post 1 MiB where 16 KiB are allowed
    LargePosts,
}

impl Neighbours {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::HalfOpen,
        Self::SlowHeaders,
        Self::Bytewise,
        Self::Drip,
        Self::PingFlood,
        Self::LargeMessages,
        Self::NoPongs,
        Self::OverlappingPolls,
        Self::LargePosts,
    ];

    /// As the command line and the table have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfOpen => "half-open",
            Self::SlowHeaders => "slow-headers",
            Self::Bytewise => "bytewise",
            Self::Drip => "drip",
            Self::PingFlood => "ping-flood",
            Self::LargeMessages => "large-messages",
            Self::NoPongs => "no-pongs",
            Self::OverlappingPolls => "overlapping-polls",
            Self::LargePosts => "large-posts",
        }
    }

    /// The most connections that they have at one time.
    pub(crate) fn connections(self) -> usize {
        // Those that poll have two.
        2 * self.count()
    }

    /// How long the relay's default configuration bears one of them.
    fn borne_for(self) -> Duration {
        match self {
            // The header's or the handshake's deadline; the write deadline or the least rate.
            Self::HalfOpen | Self::SlowHeaders | Self::Drip => Duration::from_secs(10),
            // The ping's interval and timeout.
            Self::NoPongs => Duration::from_secs(45),
            _ => Duration::ZERO,
        }
    }

    /// Where those are that join a session: the first of the healthy ones', or one of their own.
    fn session(self) -> u16 {
        match self {
            Self::Drip | Self::NoPongs => APART,
            _ => 0,
        }
    }

    fn count(self) -> usize {
        match self {
            Self::HalfOpen => 5_000,
            Self::NoPongs => 1_000,
            Self::SlowHeaders => 500,
            Self::Bytewise | Self::Drip | Self::OverlappingPolls => 50,
            Self::PingFlood | Self::LargeMessages | Self::LargePosts => 20,
        }
    }
}

/// Disturbs one server of the benchmark until it is ended.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench-hostile")]
pub struct Options {
    /// Where the server takes clients
    #[arg(long)]
    pub server: SocketAddr,
    /// Signs the tokens of those that join a session
    #[arg(long, env = "RELAY_SECRET", hide_env_values = true)]
    pub secret: String,
    /// What they do
    #[arg(long, value_enum)]
    pub neighbours: Neighbours,
}

/// Runs until it is dropped; calls `ready` when all have begun.
pub async fn run(options: &Options, ready: impl FnOnce()) {
    let count = options.neighbours.count();
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    if options.neighbours == Neighbours::Drip {
        let options = options.clone();
        tasks.spawn(async move {
            loop {
                let _ = publish(&options).await;
                sleep(AGAIN).await;
            }
        });
    }
    for number in 0..count {
        let options = options.clone();
        tasks.spawn(async move {
            loop {
                // Whatever the relay does about it, it comes again.
                let _ = once(&options, number).await;
                sleep(AGAIN).await;
            }
        });
        // 64 at a time, as the healthy ones come.
        if number % 64 == 63 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    sleep(Duration::from_millis(500)).await;
    sleep_until(began + options.neighbours.borne_for().saturating_sub(LEAD)).await;
    ready();
    while tasks.join_next().await.is_some() {}
}

/// One of them, until the relay has had enough of it.
async fn once(options: &Options, number: usize) -> io::Result<()> {
    let server = options.server;
    match options.neighbours {
        Neighbours::HalfOpen if number.is_multiple_of(2) => {
            let mut stream = TcpStream::connect(server).await?;
            stream.write_all(b"GET /socket.io/?EIO=4&trans").await?;
            until_end(&mut stream).await
        }
        Neighbours::HalfOpen => until_end(&mut upgraded(server, None).await?).await,
        Neighbours::SlowHeaders => {
            let mut stream = TcpStream::connect(server).await?;
            for byte in b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: "
                .iter()
                .cycle()
            {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            Ok(())
        }
        Neighbours::Bytewise => {
            let mut stream = joined(options, number, None).await?;
            let mut frame = Vec::new();
            websocket::write_masked(
                &mut frame,
                websocket::TEXT,
                b"42[\"nobody-knows-this\",null]",
            );
            for byte in frame.iter().cycle() {
                stream.write_all(&[*byte]).await?;
                drain(&stream);
                sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        }
        Neighbours::Drip => {
            let mut stream = joined(options, number, Some(4_096)).await?;
            let mut drop = [0; 128];
            while stream.read(&mut drop).await? > 0 {
                sleep(Duration::from_millis(250)).await;
            }
            Ok(())
        }
        Neighbours::PingFlood => {
            let mut stream = joined(options, number, None).await?;
            let mut pings = Vec::new();
            for _ in 0..50 {
                websocket::write_masked(&mut pings, websocket::PING, b"are you there?");
            }
            loop {
                stream.write_all(&pings).await?;
                drain(&stream);
                sleep(Duration::from_millis(10)).await;
            }
        }
        Neighbours::LargeMessages => {
            let mut stream = joined(options, number, None).await?;
            let text = format!("42[\"nobody-knows-this\",\"{}\"]", "x".repeat(16_000));
            let mut message = Vec::new();
            websocket::write_masked(&mut message, websocket::TEXT, text.as_bytes());
            loop {
                stream.write_all(&message).await?;
                drain(&stream);
            }
        }
        Neighbours::NoPongs => until_end(&mut joined(options, number, None).await?).await,
        Neighbours::OverlappingPolls => {
            let path = polling(server).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
            let (mut one, mut other) = (
                TcpStream::connect(server).await?,
                TcpStream::connect(server).await?,
            );
            one.write_all(request.as_bytes()).await?;
            other.write_all(request.as_bytes()).await?;
            until_end(&mut one).await?;
            until_end(&mut other).await
        }
        Neighbours::LargePosts => {
            let path = polling(server).await?;
            let mut stream = TcpStream::connect(server).await?;
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: bench\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&vec![b'x'; 1 << 20]).await?;
            until_end(&mut stream).await
        }
    }
}

/// Publishes events that are larger than what some read.
async fn publish(options: &Options) -> io::Result<()> {
    let mut stream = TcpStream::connect(options.server).await?;
    let session = session_id(options.neighbours.session());
    let text = "x".repeat(EVENT_BYTES);
    let mut buffer = [0; 4_096];
    let mut tick = tokio::time::interval(Duration::from_secs(1) / EVENTS as u32);
    loop {
        tick.tick().await;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let (nonce, now) = (now.as_nanos(), rfc3339(now.as_secs()));
        let body = format!(
            "{{\"sessionId\":\"{session}\",\"event\":\"bench.large\",\"payload\":\"{text}\",\
             \"nonce\":\"{nonce}\",\"timestamp\":\"{now}\"}}"
        );
        let head = format!(
            "POST /events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            options.secret,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await??;
        if !buffer[..read].starts_with(b"HTTP/1.1 202 ") {
            return Err(io::Error::other("an event was not taken"));
        }
    }
}

/// Reads what comes until the server closes.
async fn until_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Takes what is there, so that nothing but the server's own care holds it up.
fn drain(stream: &TcpStream) {
    let mut buffer = [0; 4_096];
    while matches!(stream.try_read(&mut buffer), Ok(read) if read > 0) {}
}

/// A WebSocket that has said nothing.
async fn upgraded(server: SocketAddr, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    stream
        .write_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await?;
    Ok(stream)
}

/// A subscriber.
async fn joined(
    options: &Options,
    number: usize,
    receive_buffer: Option<u32>,
) -> io::Result<TcpStream> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let account = format!("bad-{number}");
    let jti = format!("bad-{number}-{}", now.as_nanos());
    let token = token::mint(
        &options.secret,
        &account,
        &session_id(options.neighbours.session()),
        now.as_secs(),
        &jti,
    );
    let mut stream = upgraded(options.server, receive_buffer).await?;
    let mut connect = Vec::new();
    let text = format!("40{{\"token\":\"{token}\"}}");
    websocket::write_masked(&mut connect, websocket::TEXT, text.as_bytes());
    stream.write_all(&connect).await?;
    let mut seen = Vec::new();
    let ready = async {
        let mut buffer = [0; 512];
        while memchr::memmem::find(&seen, b"relay:ready").is_none() {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            seen.extend_from_slice(&buffer[..read]);
        }
        Ok(())
    };
    timeout(PATIENCE, ready).await??;
    Ok(stream)
}

/// The path of a new connection that polls.
async fn polling(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let path = "/socket.io/?EIO=4&transport=polling";
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await??;
    let sid = answer
        .split_once("\"sid\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(sid, _)| sid);
    let sid = sid.ok_or_else(|| io::Error::other("no sid"))?;
    Ok(format!("{path}&sid={sid}"))
}
