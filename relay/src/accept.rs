//! Accepting: every TCP connection, its HTTP, and its way to `socket/` where it becomes a WebSocket.
//!
//! ```text
//!  accept ── full? ── 503 and closed
//!     └── HTTP/1.1 (hyper) ── /socket.io/ ── the bare stream goes to socket/, which answers 101
//!                          └─ all else ───── the axum router of http/
//! ```

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use forge_relay_core::{Code, Problem};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::Service;

use crate::capacity::{Open, Permit};
use crate::http::{Client, Peer};
use crate::line::{End, Line, Watch, Watched};
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::socket::{self, Bad, Sockets, Ticket, Transport};
use crate::stall::StallLimits;

/// Connections that are being told, at one time, that the relay is full.
const REFUSALS: usize = 32;
/// How long that may take.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(1);
/// How much of what a peer still sends is taken and thrown away, so that our last words arrive, and how much at a time.
const LINGER_BYTES: usize = 2 * 1024 * 1024;
const LINGER_READ: usize = 64 * 1024;
/// The pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections that are accepted before others have their turn: a crowd that comes at once must not run before all that
/// is published meanwhile.
const ACCEPTS_A_TURN: usize = 8;
/// The largest request head, in bytes.
const MAX_HEAD: usize = 32 * 1024;

thread_local! {
    /// The worker's own: however many are listened to, none of them holds a buffer while it waits.
    static DISCARDED: RefCell<Vec<u8>> = RefCell::new(vec![0; LINGER_READ]);
}

/// What serves the connections.
pub(crate) struct Acceptor {
    pub(crate) router: Router,
    pub(crate) sockets: Arc<Sockets>,
    /// Where clients connect.
    pub(crate) socket_path: &'static str,
    pub(crate) metrics: Arc<Metrics>,
    /// The most connections at one time.
    pub(crate) capacity: usize,
    pub(crate) header_deadline: Duration,
    /// How slow the reader of an answer may be.
    pub(crate) line: StallLimits,
    pub(crate) outboxes: Arc<Outboxes>,
    /// The proxies whose `X-Forwarded-*` are believed, and whether plain http is refused.
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) require_https: bool,
    /// Whether clients may poll.
    pub(crate) long_polling: bool,
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
        for accepted in 1_usize.. {
            if accepted.is_multiple_of(ACCEPTS_A_TURN) {
                tokio::task::yield_now().await;
            }
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
            let http = Box::pin(Arc::clone(&shared).serve(tcp, address, permit));
            tokio::spawn(Life::Http(http));
        }
    }

    /// Serves HTTP on one connection, until it ends or becomes a WebSocket.
    async fn serve(
        self: Arc<Self>,
        tcp: TcpStream,
        address: SocketAddr,
        permit: Permit,
    ) -> Option<socket::Task> {
        // It only fails where the peer is gone already.
        let _ = tcp.set_nodelay(true);
        let peer = Peer {
            address,
            tls: false,
        };
        let line = Line::new(Arc::clone(&self.outboxes));
        let mut watch = Watch::new(Arc::clone(&line), self.line);
        let mut ended = None;
        let taken = Arc::new(AtomicBool::new(false));
        let front = Front {
            acceptor: Arc::clone(&self),
            open: permit.all(),
            peer,
            line: Arc::clone(&line),
            requests: AtomicUsize::new(0),
            ticket: Mutex::new(None),
            taken: Arc::clone(&taken),
        };
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_deadline)
            .max_buf_size(MAX_HEAD)
            .serve_connection(Watched::new(TokioIo::new(tcp), line), front);
        let mut stop = self.stop.clone();
        let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
        let mut stopping = false;
        let served = std::future::poll_fn(|cx| {
            if !stopping && stopped.as_mut().poll(cx).is_ready() {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            let served = connection.poll_without_shutdown(cx);
            if served.is_ready() {
                return served;
            }
            if taken.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(())); // its stream is wanted for a WebSocket
            }
            watch.poll(cx).map(|end| {
                ended = Some(end);
                Ok(())
            })
        });
        if let Err(error) = served.await {
            tracing::debug!(%address, %error, "an HTTP connection broke");
            return None;
        }
        let parts = connection.into_parts();
        let tcp = parts.io.into_inner().into_inner();
        if let Some(end) = ended {
            self.cut(&tcp, end, address);
            return None;
        }
        if let Some(ticket) = parts.service.ticket.into_inner() {
            let sockets = Arc::clone(&self.sockets);
            return sockets.begin(tcp, ticket, &parts.read_buf, permit).await;
        }
        linger(tcp).await;
        None
    }
}

impl Acceptor {
    /// Has the kernel keep nothing of what a peer does not take.
    fn cut(&self, tcp: &TcpStream, end: End, address: SocketAddr) {
        if end == End::Slow {
            self.metrics.slow_clients_cut.inc();
            tracing::info!(%address, "cut a client that takes too little");
        }
        // It only fails where the peer is gone already.
        let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
    }
}

/// The task of a TCP connection. What HTTP needs is freed when the connection becomes a WebSocket, of
/// which there are many, and idle.
enum Life {
    Http(Pin<Box<dyn Future<Output = Option<socket::Task>> + Send>>),
    Socket(socket::Task),
}

impl Future for Life {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::Http(http) => match http.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Ready(Some(task)) => *self = Self::Socket(task),
                },
                Self::Socket(task) => return Pin::new(task).poll(cx),
            }
        }
    }
}

/// Ends a connection so that the peer gets all that was sent: one that is closed over unread bytes is reset, and the reset
/// may overtake the answer.
async fn linger(mut tcp: TcpStream) {
    let end = async {
        tcp.shutdown().await?;
        let mut left = LINGER_BYTES;
        while left > 0 {
            tcp.readable().await?;
            match DISCARDED.with_borrow_mut(|rest| tcp.try_read(rest)) {
                Ok(0) => break,
                Ok(read) => left = left.saturating_sub(read),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            // Whoever sends without end must not run before all that is published meanwhile.
            tokio::task::yield_now().await;
        }
        std::io::Result::Ok(())
    };
    // What the peer does with it is its own business.
    let _ = tokio::time::timeout(REFUSAL_DEADLINE, end).await;
}

/// The answer of a relay that is full, whatever was asked.
fn full() -> Vec<u8> {
    let id = uuid::Uuid::now_v7().to_string();
    let detail = "the relay holds as many connections as it can: try again later";
    let problem = Problem::new(Code::TooManyConnections, detail, &*id);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: 5\r\nx-request-id: {id}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn refuse(mut tcp: TcpStream, refusals: &Arc<AtomicUsize>) {
    if refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS {
        refusals.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let refusals = Arc::clone(refusals);
    tokio::spawn(async move {
        // A client that does not read it learns it from the closed connection.
        let told = tokio::time::timeout(REFUSAL_DEADLINE, tcp.write_all(&full())).await;
        if matches!(told, Ok(Ok(()))) {
            linger(tcp).await;
        }
        refusals.fetch_sub(1, Ordering::Relaxed);
    });
}

/// One connection's way in: requests for sockets are answered here, all else by the router.
struct Front {
    acceptor: Arc<Acceptor>,
    open: Arc<Open>,
    peer: Peer,
    line: Arc<Line>,
    /// How many requests came on this connection.
    requests: AtomicUsize,
    ticket: Mutex<Option<Ticket>>,
    /// Whether the stream is wanted now, without hyper's answer.
    taken: Arc<AtomicBool>,
}

/// The answer of either.
enum Answer {
    Now(Option<Response<Body>>),
    /// The connection is given up before this is asked again.
    Never,
    Routed(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<Body>, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Never => Poll::Pending,
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
        let first = self.requests.fetch_add(1, Ordering::Relaxed) == 0;
        if request.uri().path() == self.acceptor.socket_path {
            return self.socket(request, first);
        }
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(Arc::clone(&self.line));
        let mut router = self.acceptor.router.clone();
        Answer::Routed(Box::pin(async move {
            let answer = router.call(request.map(Body::new)).await;
            answer.unwrap_or_else(|never| match never {})
        }))
    }
}

impl Front {
    fn socket(&self, request: Request<Incoming>, first: bool) -> Answer {
        let acceptor = &self.acceptor;
        let client = Client::behind(self.peer, request.headers(), &acceptor.trusted_proxies);
        let upgraded = if acceptor.require_https && !client.https {
            Err(Bad::Plain)
        } else if socket::transport(&request) == Ok(Transport::WebSocket) {
            socket::upgrade(&acceptor.sockets, &request)
        } else {
            if !acceptor.long_polling {
                // What is wrong besides is told by its own name.
                let bad = socket::transport(&request).err().unwrap_or(Bad::Transport);
                return Answer::Now(Some(socket::refuse(bad)));
            }
            let sockets = Arc::clone(&acceptor.sockets);
            return Answer::Routed(Box::pin(sockets.poll(request, self.open.count())));
        };
        let mut ticket = match upgraded {
            Ok(ticket) => ticket,
            Err(bad) => return Answer::Now(Some(socket::refuse(bad))),
        };
        // Where nothing of an earlier answer can be on its way, 101 goes out together with what the
        // connection says first: one write less for every client that connects.
        if first {
            self.taken.store(true, Ordering::Relaxed);
            *self.ticket.lock() = Some(ticket);
            return Answer::Never;
        }
        let switching = ticket.take_response();
        *self.ticket.lock() = Some(ticket);
        Answer::Now(Some(switching))
    }
}
