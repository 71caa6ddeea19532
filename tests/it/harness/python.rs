//! Published Python libraries.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use super::driver::{Driver, StockClient};

/// A program of the Python packages, where `cargo xtask test` put it.
pub(crate) fn program(name: &str) -> PathBuf {
    let programs = std::env::var_os("FORGE_RELAY_PYTHON_BIN").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/venv/bin")),
        PathBuf::from,
    );
    let program = programs.join(name);
    assert!(
        program.exists(),
        "run `cargo xtask test` once: it installs what tests/python needs"
    );
    program
}

/// One Python process with python-socketio, driven through tests/python/driver.py; it ends with the test.
pub(crate) struct Python(Driver);

impl Deref for Python {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.0
    }
}

impl Python {
    pub(crate) fn start() -> Self {
        let mut python = Command::new(program("python"));
        python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/driver.py"));
        Self(Driver::start(python))
    }

    /// A client, connecting; `transports` as the library has them, null for its own choice.
    pub(crate) async fn connect(
        &self,
        url: &str,
        token: &str,
        transports: &Value,
    ) -> StockClient<'_> {
        let options = json!({ "transports": transports });
        let command = json!({ "url": url, "token": token, "options": options });
        self.client(command).await
    }
}
