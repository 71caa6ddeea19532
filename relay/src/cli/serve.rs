//! `forge-relay serve`.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use clap::Args;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

use super::config::ConfigArgs;
use super::exit::Exit;
use super::output::complain;
use super::signals::Signals;
use crate::config::Loaded;
use crate::telemetry;

/// A storm of reconnecting clients fits; a shorter queue makes each that does not wait a second for its next SYN.
const BACKLOG: i32 = 4096;
/// What is still at work after the last connection ended may not hold up the end of the process.
const LAST_WORK: Duration = Duration::from_secs(1);

#[derive(Args)]
#[command(after_help = "\
Examples:
  RELAY_SECRET=$(forge-relay keys new) forge-relay serve
  RELAY_SECRET_FILE=/run/secrets/relay forge-relay serve --bind 127.0.0.1:9000
  forge-relay serve --config /etc/forge-relay.toml

`forge-relay config show` lists every setting and where it comes from. SIGTERM or SIGINT ends it in
order; a second one at once.
Exit codes: 0 ended in order; 1 failed, or ended at once; 2 the configuration is wrong.")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Serve {
    pub(super) fn run(self) -> Exit {
        let loaded = match self.config.load() {
            Ok(loaded) => loaded,
            Err(problems) => {
                complain(problems);
                return Exit::Usage;
            }
        };
        if let Err(message) = telemetry::init(&loaded.config.log, loaded.config.log_format) {
            complain(format_args!("logging cannot start: {message}"));
            return Exit::Failed;
        }
        for warning in &loaded.warnings {
            tracing::warn!("configuration: {warning}");
        }
        match serve(loaded) {
            Ok(()) => Exit::Done,
            Err(message) => {
                tracing::error!("{message}");
                Exit::Failed
            }
        }
    }
}

fn serve(loaded: Loaded) -> Result<(), String> {
    let config = loaded.config;
    let listener =
        bind(config.bind).map_err(|e| format!("cannot listen on {}: {e}", config.bind))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let shutdown = on_signal()?;
    let apps: Vec<_> = config.apps.iter().map(|app| app.id.as_str()).collect();
    tracing::info!(
        %address,
        apps = apps.join(" "),
        version = env!("CARGO_PKG_VERSION"),
        "listening"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("the runtime cannot start: {e}"))?;
    let ended = runtime.block_on(crate::run(listener, config, shutdown));
    runtime.shutdown_timeout(LAST_WORK);
    ended.map(drop).map_err(|e| e.to_string())
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Or a restart fails for a minute, while old connections linger.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // The default differs between systems; [::] is to mean both everywhere.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Completes at the first SIGTERM or SIGINT; the second ends the process at once.
fn on_signal() -> Result<impl Future<Output = ()> + Send + 'static, String> {
    let (tell, told) = oneshot::channel();
    Signals::on_a_thread(|mut signals| async move {
        let at_once = || std::process::exit(Exit::Failed as i32);
        hear(async || signals.next().await, tell, at_once).await;
    })?;
    Ok(async move {
        if told.await.is_err() {
            // Nobody is left who could tell: never, rather than now.
            std::future::pending::<()>().await;
        }
    })
}

async fn hear(
    mut next: impl AsyncFnMut() -> &'static str,
    tell: oneshot::Sender<()>,
    at_once: impl FnOnce(),
) {
    let signal = next().await;
    tracing::info!(signal, "ending; a second signal ends at once");
    let _ = tell.send(());
    let signal = next().await;
    tracing::warn!(signal, "ending at once");
    at_once();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use futures_util::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_is_told_and_the_second_ends_at_once() {
        let (raise, mut raised) = mpsc::unbounded_channel();
        let (tell, mut told) = oneshot::channel();
        let ended = Cell::new(false);
        let next = async || raised.recv().await.unwrap_or_default();
        let mut hearing = std::pin::pin!(hear(next, tell, || ended.set(true)));

        assert!(hearing.as_mut().now_or_never().is_none());
        assert!(told.try_recv().is_err());
        raise.send("SIGTERM").unwrap();
        assert!(hearing.as_mut().now_or_never().is_none());
        assert_eq!(told.try_recv(), Ok(()));
        assert!(!ended.get());
        raise.send("SIGINT").unwrap();
        assert!(hearing.as_mut().now_or_never().is_some());
        assert!(ended.get());
    }
}
