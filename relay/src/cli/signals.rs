//! What asks a process to end: SIGTERM and SIGINT, or Ctrl-C.

#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    pub(super) async fn next(&mut self) -> &'static str {
        let _ = self.0.recv().await;
        "Ctrl-C"
    }
}

impl Signals {
    /// Listens on a thread and a runtime of its own, so that signals are heard even if every worker is stuck.
    pub(super) fn on_a_thread<F: Future<Output = ()>>(
        listen: impl FnOnce(Signals) -> F + Send + 'static,
    ) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("signals cannot be heard: {e}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(failed)?
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(listen(signals)))
            .map_err(failed)?;
        Ok(())
    }
}
