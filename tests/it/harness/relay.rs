//! A relay inside the test's process, on a port of its own and on threads of its own.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use forge_relay::config::{Loaded, Sources};
use tokio::sync::oneshot;

use super::app::{App, EventText, Receipt};
use super::http::Http;
use super::stream::Follow;
use super::subscriber::Opening;
use super::wait::{until, within};

/// A running relay; it ends with the test.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) http: Http,
    /// Its app, or the first of them.
    pub(crate) app: App,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Relay {
    /// A relay of one app, with the defaults.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// The same, with settings of its own: TOML, as an operator writes it.
    pub(crate) fn with(settings: &str) -> Self {
        Self::with_secret(&App::new().secret, settings)
    }

    /// The same with another secret, or several.
    pub(crate) fn with_secret(secret: &str, settings: &str) -> Self {
        let first = secret.split(',').next().unwrap_or_default().to_owned();
        Self::run(
            App {
                id: "default",
                secret: first,
            },
            &format!("secret = {secret:?}\n{settings}\n"),
        )
    }

    /// A relay of several apps.
    pub(crate) fn serving(apps: &[App], settings: &str) -> Self {
        let mut text = format!("{settings}\n");
        for app in apps {
            text += &format!("[[apps]]\nid = {:?}\nsecret = {:?}\n", app.id, app.secret);
        }
        Self::run(apps[0].clone(), &text)
    }

    /// A relay where another one was.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let app = App::new();
        let settings = format!("secret = {:?}\n", app.secret);
        Self::run_at(address, app, &settings)
    }

    fn run(app: App, settings: &str) -> Self {
        Self::run_at(SocketAddr::from(([127, 0, 0, 1], 0)), app, settings)
    }

    fn run_at(address: SocketAddr, app: App, settings: &str) -> Self {
        let config = config(settings);
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        // Threads of its own, so that a test that computes does not hold the relay up, nor the other way round.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let shutdown = async {
                    let _ = stopped.await;
                };
                forge_relay::run(listener, config, shutdown)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
        });
        Self {
            address,
            http: Http::new(address),
            app,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new connection to it, yet to be opened.
    pub(crate) fn opening(&self) -> Opening {
        Opening::to(self.address)
    }

    /// The stream of a session, for an account; yet to be opened.
    pub(crate) fn follow(&self, account: &str, session: &str) -> Follow {
        Follow::new(self.address, session, &self.app.token(account, session))
    }

    /// Publishes one event, which must be taken.
    pub(crate) async fn publish(&self, event: &EventText) -> Receipt {
        self.app.publish(&self.http, event).await
    }

    /// Publishes the events `n = from..=to`.
    pub(crate) async fn publish_range(&self, session: &str, from: u64, to: u64) -> Vec<Receipt> {
        self.app.publish_range(&self.http, session, from, to).await
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let metrics = self.http.get("/metrics").await.text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no metric {name} in {metrics}"));
        value.parse().unwrap()
    }

    /// Waits until a metric has this value.
    pub(crate) async fn metric_is(&self, name: &str, wanted: f64) {
        let what = format!("{name} to be {wanted}");
        until(&what, || async {
            (self.metric(name).await == wanted).then_some(())
        })
        .await;
    }

    /// Asks it to end, as SIGTERM does.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself; `ended` tells.
            let _ = stop.send(());
        }
    }

    /// Waits for the end that was asked for.
    pub(crate) async fn ended(&mut self) -> Result<(), String> {
        let thread = self.thread.take().expect("it ends once");
        within("the relay to end", async {
            while !thread.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        thread.join().expect("the relay does not panic")
    }
}

/// A valid configuration of these settings, and of nothing that the environment says.
pub(crate) fn config(settings: &str) -> forge_relay::config::Config {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(settings.as_bytes()).unwrap();
    let sources = Sources {
        file: Some(file.path().to_owned()),
        ..Sources::default()
    };
    match Loaded::from(sources) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("the test's settings are wrong: {problems}"),
    }
}
