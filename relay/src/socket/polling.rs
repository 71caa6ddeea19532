//! Engine.IO's HTTP long polling: <https://socket.io/docs/v4/engine-io-protocol/#http-long-polling>.
//!
//! ```text
//!  GET  without sid   opens: answered with OPEN
//!  GET  with sid      a poll: answered when there is something, and at the latest with the next ping
//!  POST with sid      what the client says
//!  GET  Upgrade       a WebSocket takes the connection over:
//!
//!   client ── 2probe ─▶ relay: 3probe, and NOOP for the poll that waits
//!          ── 5 ──────▶ relay: from here on the stream is the transport
//! ```
//!
//! A poll takes what the outbox has, as the task of a WebSocket does; between polls the outbox keeps
//! its place in the log. So nothing is different for the promise: what a client did not get, because
//! an answer was lost, it asks for with its cursor. Nobody owns a connection that polls but the table
//! of sids, and the wheel, which takes those away whose time is over.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, BufMut, BytesMut};
use engineioxide_core::{Packet, PacketParseError, ProtocolVersion, Sid, payload};
use forge_relay_core::{Cursor, ResyncReason};
use futures_util::StreamExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use super::Sockets;
use super::application::Heard;
use super::connection::{Carrier, Connection, Phase, State};
use super::frame::{Flow, Opcode, header_length, opcode};
use super::stamp::{Stamp, Stamps};
use super::stream::Stream;
use super::task::Task;
use super::upgrade::{Bad, Query, Ticket, refuse};
use crate::capacity::Permit;
use crate::session::{Frame, Link, Progress, Run};
use crate::stall::Millis;

/// Between the packets of a payload.
const SEPARATOR: u8 = 0x1e;
/// What a poll is answered with when there is nothing to say.
const NOOP: &[u8] = b"6";

/// The transport's end.
const CLOSE: &[u8] = b"1";

/// What a connection that polls has besides.
#[derive(Debug)]
pub(super) struct Polling {
    /// A poll waits; there may be one.
    polled: bool,
    /// A message is being read; there may be one.
    posted: bool,
    /// A WebSocket is about to take over: polls are answered at once.
    probed: bool,
    /// How long the client may need for the answer to its last poll.
    pub(super) busy_until: Millis,
    /// By which a poll that is sent again is known.
    stamps: Stamps,
}

impl Polling {
    /// Of a connection whose opening had this stamp.
    fn new(opening: Option<Stamp>) -> Self {
        Self {
            polled: false,
            posted: false,
            probed: false,
            busy_until: 0,
            stamps: Stamps::new(opening),
        }
    }

    /// Whether what there is goes out at once: to a poll, or soon to the WebSocket that takes over.
    pub(super) fn takes(&self) -> bool {
        self.polled || self.probed
    }
}

/// Fills the answer of one poll.
struct Payload<'a> {
    connection: &'a Connection,
    bytes: RefCell<Vec<u8>>,
    limit: usize,
}

impl Link for Payload<'_> {
    fn send(&self, run: Run<'_>) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        let mut taken = 0;
        for frame in run.frames {
            let packet = &frame[header_length(frame)..];
            if !bytes.is_empty() {
                // Stock clients hear the messages of a payload one turn later than its end, which then hides
                // them: the end comes alone, with the next poll.
                if bytes.len() + frame.len() > self.limit || packet == CLOSE {
                    break;
                }
                bytes.push(SEPARATOR);
            }
            if opcode(frame) == Some(Opcode::Binary) {
                bytes.push(b'b');
                bytes.extend_from_slice(BASE64_STANDARD.encode(packet).as_bytes());
            } else {
                bytes.extend_from_slice(packet);
            }
            taken += frame.len();
        }
        if taken == 0 {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(taken)
        }
    }

    fn resync(&self, reason: ResyncReason, cursor: Cursor) -> Frame {
        self.connection.resync(reason, cursor)
    }
}

impl Sockets {
    /// Answers a request of the polling transport.
    pub(crate) async fn poll<B>(self: Arc<Self>, request: Request<B>, open: usize) -> Response<Body>
    where
        B: http_body::Body<Error: std::fmt::Debug> + Unpin,
    {
        // A copy: a clone would be a piece of hyper's buffer, and keep all of it while a poll waits.
        let origin = request.headers().get(ORIGIN);
        let origin = origin.and_then(|origin| HeaderValue::from_bytes(origin.as_bytes()).ok());
        let mut response = self.poll_any(request, open).await.unwrap_or_else(refuse);
        self.allow_origin(origin.as_ref(), response.headers_mut());
        response
    }

    async fn poll_any<B>(
        self: &Arc<Self>,
        request: Request<B>,
        open: usize,
    ) -> Result<Response<Body>, Bad>
    where
        B: http_body::Body<Error: std::fmt::Debug> + Unpin,
    {
        if request.method() == Method::OPTIONS {
            return Ok(preflight());
        }
        let query = Query::of(request.uri())?;
        let method = request.method().clone();
        let Some(sid) = query.sid else {
            if method != Method::GET {
                return Err(Bad::Method);
            }
            return self.open_polling(request.headers(), query.stamp, open);
        };
        let connection = self.polling_connection(&sid)?;
        match method {
            Method::GET => {
                // What it says is read: it holds hyper's buffer, which then has room for the next.
                drop(request);
                connection.answer_poll(query.stamp).await
            }
            Method::POST => connection.take_post(request).await,
            _ => Err(Bad::Method),
        }
    }

    /// Opens a connection.
    fn open_polling(
        self: &Arc<Self>,
        headers: &HeaderMap,
        stamp: Option<Stamp>,
        open: usize,
    ) -> Result<Response<Body>, Bad> {
        if self.polls.load(Ordering::Relaxed) + open >= self.capacity {
            return Err(Bad::Full);
        }
        let origin = headers.get(ORIGIN);
        let origin = origin.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into());
        let connection = self.register(Carrier::Polls(Box::new(Polling::new(stamp))), origin);
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.sids
            .lock()
            .insert(connection.sid, Arc::clone(&connection));
        let open = Packet::Open(self.open_packet(connection.sid, true));
        connection.arm_now(&mut connection.state());
        self.application.opened(&connection);
        Ok(text(String::from(open)))
    }

    /// The connection that polls under this sid.
    fn polling_connection(&self, sid: &str) -> Result<Arc<Connection>, Bad> {
        let connection = self.known_connection(sid)?;
        if connection.state().polling.is_none() {
            return Err(Bad::Request(
                "this connection was upgraded: it polls no more",
            ));
        }
        Ok(connection)
    }

    /// The connection that polls under this sid, or did before it was upgraded.
    pub(super) fn known_connection(&self, sid: &str) -> Result<Arc<Connection>, Bad> {
        let sid: Sid = sid.parse().map_err(|_| Bad::Sid)?;
        let connection = self.sids.lock().get(&sid).cloned().ok_or(Bad::Sid)?;
        // The wheel may be a tick late.
        super::wheel::Timed::due(Arc::clone(&connection), self.wheel.now());
        self.inter();
        let state = connection.state();
        if state.cut || matches!(state.phase, Phase::Closed) {
            return Err(Bad::Sid);
        }
        drop(state);
        Ok(connection)
    }

    /// A WebSocket that asks to take over a connection that polls. `None` where that fails; the
    /// connection then goes on polling.
    pub(crate) async fn take_over(
        self: Arc<Self>,
        connection: Arc<Connection>,
        tcp: tokio::net::TcpStream,
        ticket: Ticket,
        early: &[u8],
        permit: Permit,
    ) -> Option<Task> {
        let stream = Stream::new(tcp, permit);
        let deadline = Duration::from_millis(self.limits.handshake_deadline);
        let probe = super::probe::Probe::new(&connection, &stream, ticket, early);
        if connection.state().polling.is_none() {
            // As Engine.IO's own server does: the WebSocket opens, and is closed at once.
            let _ = tokio::time::timeout(deadline, probe.refuse()).await;
            return None;
        }
        let frames = tokio::time::timeout(deadline, probe.run()).await;
        let Ok(Some(frames)) = frames else {
            let mut state = connection.state();
            if let Some(polling) = &mut state.polling {
                polling.probed = false;
            }
            connection.unpolled(&mut state);
            return None;
        };
        let mut state = connection.state();
        // One that is told goodbye is told so here: it polls no more, as it was promised the upgrade.
        if state.polling.is_none() || matches!(state.phase, Phase::Closed) {
            return None;
        }
        connection.stream.set(stream).ok()?;
        state.polling = None;
        connection.unstalled(&mut state);
        state.wake(); // a poll that still waits ends
        state.waker = None;
        drop(state);
        // It counts by its stream from now on. Its sid stays known until it closes.
        self.polls.fetch_sub(1, Ordering::Relaxed);
        Some(Task::upgraded(connection, frames))
    }

    /// A page's origin may read the answer if an app allows it.
    fn allow_origin(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin
            && origin
                .to_str()
                .is_ok_and(|origin| self.application.origin_allowed(origin))
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

/// Ends a connection whose poll or message was given up half-way: what was taken for it is lost.
struct Taken<'a> {
    connection: &'a Arc<Connection>,
    finished: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.finished && self.connection.state().polling.is_some() {
            self.connection.remove();
        }
    }
}

impl Connection {
    /// A connection that polls has ended.
    pub(super) fn remove(&self) {
        self.gone();
        self.sockets.forget(self.key, self.sid);
    }

    /// One poll.
    async fn answer_poll(self: &Arc<Self>, stamp: Option<Stamp>) -> Result<Response<Body>, Bad> {
        let overlap = self.with_polling(|polling| std::mem::replace(&mut polling.polled, true));
        if overlap {
            // Two polls would share the events between them in no order.
            self.close();
            return Err(Bad::Request("one poll at a time"));
        }
        if self.with_polling(|polling| polling.stamps.repeats(stamp)) {
            // What the first answer had is lost, and this one would have what follows: the client comes back
            // with its cursor.
            self.remove();
            return Err(Bad::Request("this poll was answered before"));
        }
        self.unstalled(&mut self.state());
        let mut taken = Taken {
            connection: self,
            finished: false,
        };
        let payload = std::future::poll_fn(|cx| self.poll_payload(cx)).await;
        taken.finished = true;
        let over = {
            let mut state = self.state();
            if let Some(polling) = &mut state.polling {
                polling.polled = false;
                let time = self.sockets.limits.stall.time_for(payload.len());
                polling.busy_until = self.sockets.wheel.now().saturating_add(time);
            }
            self.unpolled(&mut state);
            state.polling.is_some() && matches!(state.phase, Phase::Closing { finished: true, .. })
        };
        if over {
            self.remove();
        }
        Ok(text(payload))
    }

    fn with_polling(&self, change: impl FnOnce(&mut Polling) -> bool) -> bool {
        self.state().polling.as_deref_mut().is_some_and(change)
    }

    /// What there is to say, when there is something.
    fn poll_payload(&self, cx: &Context<'_>) -> Poll<Vec<u8>> {
        let mut state = self.state();
        state.wake_with(cx);
        let State { polling, phase, .. } = &*state;
        let Some(polling) = polling else {
            return Poll::Ready(NOOP.to_vec());
        };
        if matches!(phase, Phase::Closed) {
            return Poll::Ready(NOOP.to_vec());
        }
        let probed = polling.probed;
        let payload = Payload {
            connection: self,
            bytes: RefCell::default(),
            limit: self.sockets.limits.catch_up_write,
        };
        while state.outbox.behind() {
            match self.drive_with(&mut state, &payload) {
                Progress::Done => self.caught_up(&mut state),
                Progress::More => {}
                Progress::Blocked | Progress::Broken => break,
            }
        }
        let payload = payload.bytes.into_inner();
        if !payload.is_empty() {
            return Poll::Ready(payload);
        }
        if probed {
            Poll::Ready(NOOP.to_vec())
        } else {
            Poll::Pending
        }
    }

    /// What the client says with one request.
    async fn take_post<B>(self: &Arc<Self>, request: Request<B>) -> Result<Response<Body>, Bad>
    where
        B: http_body::Body<Error: std::fmt::Debug> + Unpin,
    {
        let overlap = self.with_polling(|polling| std::mem::replace(&mut polling.posted, true));
        if overlap {
            self.close();
            return Err(Bad::Request(
                "one message at a time: their order would be lost",
            ));
        }
        let mut taken = Taken {
            connection: self,
            finished: false,
        };
        let deadline = Duration::from_millis(self.sockets.limits.body_deadline);
        let said = tokio::time::timeout(deadline, self.take_packets(request)).await;
        let said = said.unwrap_or(Err(Bad::Slow));
        if matches!(said, Err(Bad::Broken)) {
            return Err(Bad::Broken); // given up
        }
        taken.finished = true;
        self.with_polling(|polling| std::mem::replace(&mut polling.posted, false));
        if said.is_err() {
            self.close();
        }
        said.map(|()| text("ok"))
    }

    async fn take_packets<B>(self: &Arc<Self>, request: Request<B>) -> Result<(), Bad>
    where
        B: http_body::Body<Error: std::fmt::Debug> + Unpin,
    {
        // Whole before any of it is understood: a network that broke off is no client that breaks rules.
        let said = self.take_body(request.into_body()).await?;
        let limit = self.sockets.limits.message as u64;
        let mut packets = std::pin::pin!(packets(said, limit));
        while let Some(packet) = packets.next().await {
            let packet = match packet {
                Ok(packet) => packet,
                Err(_) => {
                    self.misunderstood("not an Engine.IO 4 payload");
                    return Err(Bad::Request("not an Engine.IO 4 payload"));
                }
            };
            let message = matches!(packet, Packet::Message(_) | Packet::Binary(_));
            match self.receive_packet(packet) {
                Heard::Flow(Flow::Stop) => return Ok(()),
                Heard::Flow(_) => {}
                Heard::Wait(wait) => wait.await,
                // The transport did its part: an error here would end it before the poll that says why.
                Heard::Misunderstood if message => return Ok(()),
                Heard::Misunderstood => return Err(Bad::Request("not a packet of a client")),
            }
            if let Err(wait) = self.spend() {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
        Ok(())
    }

    async fn take_body<B>(&self, mut body: B) -> Result<Bytes, Bad>
    where
        B: http_body::Body<Error: std::fmt::Debug> + Unpin,
    {
        let limit = self.sockets.limits.message;
        if body.size_hint().lower() > limit as u64 {
            return Err(Bad::TooLarge);
        }
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Bad::Broken)?;
            let Ok(data) = frame.into_data() else {
                continue; // trailers
            };
            if bytes.len() + data.remaining() > limit {
                return Err(Bad::TooLarge);
            }
            bytes.put(data);
        }
        Ok(bytes.freeze())
    }

    /// The WebSocket has probed: a poll that waits is answered, and so is every other.
    pub(super) fn probed(&self) {
        let mut state = self.state();
        if let Some(polling) = &mut state.polling {
            polling.probed = true;
        }
        state.wake();
    }
}

/// The packets of a payload.
pub(super) fn packets(
    body: Bytes,
    limit: u64,
) -> impl futures_util::Stream<Item = Result<Packet, PacketParseError>> {
    payload::decoder(Full::new(body), None, ProtocolVersion::V4, limit)
}

fn text(body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a browser asks before a cross-origin request that is not simple.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}
