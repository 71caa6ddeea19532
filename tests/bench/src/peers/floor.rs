//! The floor: what a plain tokio server costs at the least. Accept, upgrade, and for each event one write of one
//! prepared frame to each client of the session. No authentication, no log, no queue, no heartbeat; a client that does
//! not read holds up its session.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};
use tokio::net::{TcpListener, TcpStream};

use super::publish::Publish;
use crate::{token, websocket};

/// A mistake made on purpose, for tests of the load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// The session's first client does not get it.
    Drop,
    /// The session's first client gets it twice.
    Repeat,
    /// The session's first client gets it after the next one.
    Swap,
    /// A client of another session gets it too.
    Misroute,
    /// The session's first client is disconnected instead.
    Close,
}

/// Every how many events of a session a fault happens.
const FAULT_EVERY: u64 = 47;

/// Serves WebSockets on one listener and `POST /events` on the other, until an error.
pub async fn serve(
    sockets: TcpListener,
    publishes: TcpListener,
    fault: Option<Fault>,
) -> io::Result<()> {
    let floor = Arc::new(Floor {
        sessions: Mutex::default(),
        fault,
    });
    let routes = Router::new()
        .route("/events", post(publish))
        .with_state(Arc::clone(&floor));
    let publishes = publishes.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::try_join!(accept(sockets, floor), async {
        axum::serve(publishes, routes).await
    })?;
    Ok(())
}

struct Floor {
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    fault: Option<Fault>,
}

/// The lock is held while an event is written: one order for all.
#[derive(Default)]
struct Session {
    clients: tokio::sync::Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    streams: Vec<Arc<TcpStream>>,
    events: u64,
    held_back: Option<Vec<u8>>,
}

async fn accept(listener: TcpListener, floor: Arc<Floor>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            // A client that goes wrong is a client that goes.
            let _ = client(stream, &floor).await;
        });
    }
}

/// One client: upgrade, CONNECT, then only its end is of interest.
async fn client(stream: TcpStream, floor: &Floor) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let session = join(&stream).await?;
    let session = floor.session(session);
    let stream = Arc::new(stream);
    {
        let mut clients = session.clients.lock().await;
        // Written under the lock, before any event.
        write_all(&stream, &text_frame(br#"40{"sid":"floor"}"#)).await?;
        clients.streams.push(Arc::clone(&stream));
    }
    let ended = loop {
        if let Err(error) = stream.readable().await {
            break Err(error);
        }
        match stream.try_read(&mut [0; 512]) {
            Ok(0) => break Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => break Err(error),
            // Pongs, and whatever else a client says.
            _ => {}
        }
    };
    let mut clients = session.clients.lock().await;
    clients.streams.retain(|other| !Arc::ptr_eq(other, &stream));
    ended
}

/// The upgrade and the two openings; gives the session that the token names. Its buffer ends with it.
async fn join(stream: &TcpStream) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(1_024);
    let head = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut bytes).await?;
    };
    let key = std::str::from_utf8(&bytes[..head])
        .ok()
        .and_then(|head| {
            head.split("\r\n")
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        })
        .map(|(_, key)| key.trim())
        .ok_or(io::ErrorKind::InvalidData)?;
    // RFC 6455 §4.2.2
    let accept = STANDARD.encode(
        Sha1::new()
            .chain_update(key)
            .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
            .finalize(),
    );
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    // An hour between pings: a client of this protocol then asks for none.
    let open = br#"0{"sid":"floor","upgrades":[],"pingInterval":3600000,"pingTimeout":20000,"maxPayload":65536}"#;
    websocket::write(&mut answer, websocket::TEXT, open);
    write_all(stream, &answer).await?;

    bytes.drain(..head);
    let frame = loop {
        match websocket::read(&bytes).map_err(io::Error::other)? {
            Some(frame) => break frame,
            None => read_more(stream, &mut bytes).await?,
        }
    };
    let packet = &mut bytes[frame.payload];
    if let Some(mask) = frame.mask {
        websocket::unmask(packet, mask);
    }
    #[derive(Deserialize)]
    struct Connect<'a> {
        token: &'a str,
    }
    let connect = packet
        .strip_prefix(b"40")
        .ok_or(io::ErrorKind::InvalidData)?;
    let connect: Connect<'_> = serde_json::from_slice(connect)?;
    let claims = token::unverified(connect.token).map_err(io::Error::other)?;
    Ok(claims.session_id)
}

async fn read_more(stream: &TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read_buf(bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}

async fn publish(State(floor): State<Arc<Floor>>, body: Bytes) -> StatusCode {
    let Ok(publish) = serde_json::from_slice::<Publish<'_>>(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    let mut packet = br#"42["event","#.to_vec();
    if serde_json::to_writer(&mut packet, &publish.envelope()).is_err() {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    packet.push(b']');
    let frame = text_frame(&packet);
    let session = floor.session(publish.session_id.into_owned());
    let mut clients = session.clients.lock().await;
    if let Some(fault) = floor.fault {
        floor.go_wrong(fault, &session, &mut clients, frame).await;
    } else {
        for client in &clients.streams {
            // One that cannot be written to has its own task see it go.
            let _ = write_all(client, &frame).await;
        }
    }
    StatusCode::ACCEPTED
}

/// One write if the socket takes it whole, as it nearly always does.
async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    loop {
        match stream.try_write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
}

fn text_frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(packet.len() + 10);
    websocket::write(&mut frame, websocket::TEXT, packet);
    frame
}

impl Floor {
    fn session(&self, id: String) -> Arc<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sessions.entry(id).or_default())
    }

    /// Delivers with a mistake, every now and then.
    async fn go_wrong(
        &self,
        fault: Fault,
        session: &Arc<Session>,
        clients: &mut Clients,
        frame: Vec<u8>,
    ) {
        clients.events += 1;
        let wrong = clients.events.is_multiple_of(FAULT_EVERY);
        for (index, client) in clients.streams.iter().enumerate() {
            let first = index == 0;
            if first && wrong {
                match fault {
                    Fault::Drop => continue,
                    Fault::Swap => {
                        clients.held_back = Some(frame.clone());
                        continue;
                    }
                    Fault::Repeat => {
                        let _ = write_all(client, &frame).await;
                    }
                    Fault::Misroute => self.misroute(session, &frame).await,
                    Fault::Close => {
                        let mut close = Vec::new();
                        websocket::write(&mut close, websocket::CLOSE, &[]);
                        let _ = write_all(client, &close).await;
                        continue;
                    }
                }
            }
            let _ = write_all(client, &frame).await;
            if first && let Some(late) = clients.held_back.take() {
                let _ = write_all(client, &late).await;
            }
        }
    }

    async fn misroute(&self, session: &Arc<Session>, frame: &[u8]) {
        let other = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions
                .values()
                .find(|other| !Arc::ptr_eq(other, session))
                .map(Arc::clone)
        };
        // Another session that is being written to is left in peace: two locks at once could wait for each other.
        if let Some(other) = other
            && let Ok(clients) = other.clients.try_lock()
            && let Some(client) = clients.streams.first()
        {
            let _ = write_all(client, frame).await;
        }
    }
}

/// Where the floor listens.
#[derive(Debug, clap::Parser)]
#[command(name = "bench-floor")]
pub struct Options {
    /// Where it takes WebSockets
    #[arg(long, env = "RELAY_BIND")]
    pub bind: SocketAddr,
    /// Where it takes POST /events: apart, so that no request has to be told from the other kind
    #[arg(long, env = "BENCH_PUBLISH_BIND")]
    pub publish_bind: SocketAddr,
    /// Makes a mistake, to see that it is noticed
    #[arg(long)]
    pub fault: Option<Fault>,
}
