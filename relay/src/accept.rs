//! Accepting: every TCP connection, its HTTP, and its way to `socket/` where it becomes a WebSocket.
//!
//! ```text
//!  accept ── full? ── 503 and closed
//!     └── HTTP/1.1 (hyper) ── /socket.io/ ── 101: the bare stream goes to socket/
//!                          └─ all else ───── the axum router of http/
//! ```

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::Service;

use crate::capacity::{Open, Permit};
use crate::http::Peer;
use crate::metrics::Metrics;
use crate::socket::{self, Sockets, Ticket};

/// Connections that are being told, at one time, that the relay is full.
const REFUSALS: usize = 32;
/// How long that may take.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(1);
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The largest request head, in bytes.
const MAX_HEAD: usize = 32 * 1024;

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    retry-after: 5\r\nconnection: close\r\ncontent-length: 157\r\n\r\n\
    {\"type\":\"urn:forge-relay:problem:too_many_connections\",\"title\":\"The relay is full\",\"status\":503,\
    \"detail\":\"try again later\",\"code\":\"too_many_connections\"}";

/// What serves the connections.
pub(crate) struct Acceptor {
    pub(crate) router: Router,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) metrics: Arc<Metrics>,
    /// The most connections at one time.
    pub(crate) capacity: usize,
    pub(crate) header_deadline: Duration,
    /// Turns true when HTTP connections are to end after what they are doing.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Acceptor {
    /// Accepts until it is dropped.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let open = Open::new(Arc::clone(&self.metrics));
        let refusals = Arc::new(AtomicUsize::new(0));
        let mut last_log: Option<Instant> = None;
        let shared = Arc::new(self);
        loop {
            let (tcp, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, or a client that was gone before it was here.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if open.count() >= shared.capacity {
                if last_log.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                    last_log = Some(Instant::now());
                    tracing::warn!(
                        capacity = shared.capacity,
                        "refused a connection: the relay is full (limits.connections, ulimit -n)"
                    );
                }
                shared.metrics.connection_refused("too_many_connections");
                refuse(tcp, &refusals);
                continue;
            }
            let permit = open.permit();
            tokio::spawn(Arc::clone(&shared).serve(tcp, address, permit));
        }
    }

    /// Serves HTTP on one connection, until it ends or becomes a WebSocket.
    async fn serve(self: Arc<Self>, tcp: TcpStream, address: SocketAddr, permit: Permit) {
        // It only fails where the peer is gone already.
        let _ = tcp.set_nodelay(true);
        let front = Front {
            router: self.router.clone(),
            peer: Peer {
                address,
                tls: false,
            },
            ticket: Mutex::new(None),
        };
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_deadline)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(tcp), front);
        let mut stop = self.stop.clone();
        let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
        let mut stopping = false;
        let served = std::future::poll_fn(|cx| {
            if !stopping && stopped.as_mut().poll(cx).is_ready() {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        });
        if let Err(error) = served.await {
            tracing::debug!(%address, %error, "an HTTP connection broke");
            return;
        }
        let parts = connection.into_parts();
        let tcp = parts.io.into_inner();
        if let Some(ticket) = parts.service.ticket.into_inner() {
            return self.sockets.begin(tcp, ticket, &parts.read_buf, permit);
        }
        linger(tcp).await;
    }
}

/// Ends a connection so that the peer gets all that was sent.
async fn linger(mut tcp: TcpStream) {
    let end = async {
        tcp.shutdown().await?;
        let mut rest = [0; 1024];
        while tcp.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // What the peer does with it is its own business.
    let _ = tokio::time::timeout(REFUSAL_DEADLINE, end).await;
}

fn refuse(mut tcp: TcpStream, refusals: &Arc<AtomicUsize>) {
    if refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS {
        refusals.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let refusals = Arc::clone(refusals);
    tokio::spawn(async move {
        // A client that does not read it learns it from the closed connection.
        let told = tokio::time::timeout(REFUSAL_DEADLINE, tcp.write_all(FULL)).await;
        if matches!(told, Ok(Ok(()))) {
            linger(tcp).await;
        }
        refusals.fetch_sub(1, Ordering::Relaxed);
    });
}

/// One connection's way in: requests for sockets are answered here, all else by the router.
struct Front {
    router: Router,
    peer: Peer,
    ticket: Mutex<Option<Ticket>>,
}

/// The answer of either.
enum Answer {
    Now(Option<Response<Body>>),
    Routed(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<Body>, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(answer) => Poll::Ready(Ok(answer.take().unwrap_or_default())),
            Self::Routed(answer) => answer.as_mut().poll(cx).map(Ok),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        if request.uri().path() == socket::PATH {
            return Answer::Now(Some(match socket::upgrade(&request) {
                Ok((response, ticket)) => {
                    *self.ticket.lock() = Some(ticket);
                    response
                }
                Err(response) => response,
            }));
        }
        request.extensions_mut().insert(self.peer);
        let mut router = self.router.clone();
        Answer::Routed(Box::pin(async move {
            let answer = router.call(request.map(Body::new)).await;
            answer.unwrap_or_else(|never| match never {})
        }))
    }
}
