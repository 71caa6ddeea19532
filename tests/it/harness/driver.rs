//! Published client libraries, each driven by a small program in its own language: `tests/js/driver.mjs`,
//! `tests/python/driver.py`. Commands and answers are JSON, one object a line.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};

use super::wait::within;

/// The process of a driver; it ends with the test.
pub(crate) struct Driver {
    stdin: Arc<tokio::sync::Mutex<ChildStdin>>,
    routes: Arc<Mutex<Routes>>,
    next: AtomicU64,
    _process: Child,
}

#[derive(Default)]
struct Routes {
    calls: HashMap<u64, oneshot::Sender<Result<Value, String>>>,
    clients: HashMap<u64, mpsc::UnboundedSender<(String, Value)>>,
}

/// A stock client. It keeps its cursor as the documentation says.
pub(crate) struct StockClient<'d> {
    driver: &'d Driver,
    id: u64,
    events: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Driver {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the driver's language is installed");
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let routes = Arc::new(Mutex::new(Routes::default()));
        let readers = Arc::clone(&routes);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                readers
                    .lock()
                    .unwrap()
                    .hand_out(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            stdin: Arc::new(tokio::sync::Mutex::new(stdin)),
            routes,
            next: AtomicU64::new(1),
            _process: process,
        }
    }

    /// Calls one operation of the driver.
    pub(crate) async fn call(&self, op: &str, mut command: Value) -> Value {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.routes.lock().unwrap().calls.insert(call, answer);
        command["call"] = call.into();
        command["op"] = op.into();
        let line = format!("{command}\n");
        self.stdin
            .lock()
            .await
            .write_all(line.as_bytes())
            .await
            .unwrap();
        let answer = within(op, answered).await.expect("the driver lives");
        answer.unwrap_or_else(|error| panic!("{op}: {error}"))
    }

    /// A client that connects as `command` says: `url`, `token`, `options`…
    pub(crate) async fn client(&self, mut command: Value) -> StockClient<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::unbounded_channel();
        self.routes.lock().unwrap().clients.insert(id, sender);
        command["client"] = id.into();
        self.call("connect", command).await;
        StockClient {
            driver: self,
            id,
            events,
        }
    }
}

impl StockClient<'_> {
    /// The next thing that happened: `connect`, `disconnect`, `connect_error`, or an event's name, with its data.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        within("a client's event", self.events.recv())
            .await
            .expect("the driver lives")
    }

    /// The next thing that happened must be this.
    pub(crate) async fn expect(&mut self, wanted: &str) -> Value {
        let (name, data) = self.next().await;
        assert_eq!(name, wanted, "{data}");
        data
    }

    /// `connect`, then `relay:ready`, which it answers.
    pub(crate) async fn expect_ready(&mut self) -> Value {
        self.expect("connect").await;
        self.expect("relay:ready").await
    }

    /// Exactly the events `from..=to`, in order.
    pub(crate) async fn expect_numbers(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let event = self.expect("event").await;
            assert_eq!(event["payload"]["n"], n, "{event}");
        }
    }

    /// Emits, and answers with the acknowledgement.
    pub(crate) async fn ask(&self, name: &str, data: Value) -> Value {
        self.driver
            .call(
                "emit",
                json!({ "client": self.id, "name": name, "data": data }),
            )
            .await
    }

    /// `disconnect`, `reconnect`, `lose`: see the driver.
    pub(crate) async fn tell(&self, op: &str) {
        self.driver.call(op, json!({ "client": self.id })).await;
    }

    /// Which transport it is on now.
    pub(crate) async fn transport(&self) -> String {
        let answer = self
            .driver
            .call("transport", json!({ "client": self.id }))
            .await;
        answer.as_str().unwrap().to_owned()
    }

    /// What happens in this time, or nothing.
    pub(crate) async fn next_in(&mut self, time: Duration) -> Option<(String, Value)> {
        tokio::time::timeout(time, self.events.recv()).await.ok()?
    }

    /// Changes what the next connect sends: `token`, `cursor`.
    pub(crate) async fn hold(&self, mut change: Value) {
        change["client"] = self.id.into();
        self.driver.call("hold", change).await;
    }
}

impl Routes {
    fn hand_out(&mut self, mut line: Value) {
        if let Some(client) = line["client"].as_u64() {
            if let Some(events) = self.clients.get(&client) {
                // A test that is over listens no more.
                let _ = events.send((
                    line["name"].as_str().unwrap().to_owned(),
                    line["data"].take(),
                ));
            }
        } else if let Some(call) = line["call"].as_u64()
            && let Some(caller) = self.calls.remove(&call)
        {
            let answer = line["error"]
                .as_str()
                .map(str::to_owned)
                .map_or_else(|| Ok(line["answer"].take()), Err);
            let _ = caller.send(answer);
        }
    }
}
