//! Something between a client and the relay, which can hang up on both.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Passes bytes on until it hangs up; ends with the test.
pub(crate) struct Middle {
    address: SocketAddr,
    hang_up: Arc<Notify>,
}

impl Middle {
    pub(crate) async fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hang_up = Arc::new(Notify::new());
        let told = Arc::clone(&hang_up);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    let mut relay = TcpStream::connect(relay).await.unwrap();
                    tokio::select! {
                        () = told.notified() => {}
                        _ = tokio::io::copy_bidirectional(&mut client, &mut relay) => {}
                    }
                });
            }
        });
        Self { address, hang_up }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the connections that there are.
    pub(crate) fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }
}
