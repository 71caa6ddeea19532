//! The byte stream under a connection: what the rest of this room may do with a socket.
//!
//! The pump writes from whichever thread publishes: straight to the socket, without asking the
//! runtime whether it is writable. Only the connection's own task, which waits, goes through the
//! runtime's readiness. Another kind of stream, TLS for one, would be a second variant here.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::capacity::Permit;
use crate::session::Run;

/// The most pieces of one write.
const PIECES: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    /// Counts as an open connection for as long as the file is open.
    _permit: Permit,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, permit: Permit) -> Self {
        Self {
            tcp,
            _permit: permit,
        }
    }

    /// Writes without waiting, from any thread.
    pub(crate) fn send(&self, run: Run<'_>) -> io::Result<usize> {
        let socket = SockRef::from(&self.tcp);
        loop {
            let sent = match (run.joined, run.frames) {
                (Some(bytes), _) => socket.send(&bytes[run.skip..]),
                (None, [only]) => socket.send(&only[run.skip..]),
                (None, frames) => {
                    let mut pieces = [IoSlice::new(&[]); PIECES];
                    let mut count = 0;
                    for (piece, frame) in pieces.iter_mut().zip(frames) {
                        let skip = if count == 0 { run.skip } else { 0 };
                        *piece = IoSlice::new(&frame[skip..]);
                        count += 1;
                    }
                    socket.send_vectored(&pieces[..count])
                }
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent,
            }
        }
    }

    /// The task's way to write: where nothing goes out, [`poll_send`](Self::poll_send) then waits.
    pub(crate) fn send_as_task(&self, run: Run<'_>) -> io::Result<usize> {
        self.tcp.try_io(Interest::WRITABLE, || self.send(run))
    }

    /// Ready when the socket may take more.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(cx)
    }

    /// Reads what is there into `buffer`; 0 is the end of the stream.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.tcp.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            match self.tcp.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        // Where the peer is gone already there is nothing left to say.
        let _ = SockRef::from(&self.tcp).shutdown(Shutdown::Write);
    }

    /// Ends it at once, for a peer that does not take what it is sent: the kernel keeps nothing of
    /// it, and whoever waits for the stream wakes up.
    pub(crate) fn cut(&self) {
        let socket = SockRef::from(&self.tcp);
        // Both only fail where the peer is gone already.
        let _ = socket.set_linger(Some(std::time::Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }
}
