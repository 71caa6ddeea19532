//! Published JavaScript libraries, driven through tests/js/driver.mjs.

use std::ops::Deref;
use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::driver::{Driver, StockClient};

/// One Node process; it ends with the test.
pub(crate) struct Node(Driver);

impl Deref for Node {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.0
    }
}

impl Node {
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
        assert!(
            folder.join("node_modules").exists(),
            "run `cargo xtask test` once: it installs what tests/js needs"
        );
        let mut node = Command::new("node");
        node.arg(folder.join("driver.mjs"));
        Self(Driver::start(node))
    }

    /// A token minted by jsonwebtoken.
    pub(crate) async fn mint(&self, secret: &str, account: &str, session: &str) -> String {
        let claims = json!({ "sub": account, "sessionId": session, "scope": ["subscribe"] });
        let command =
            json!({ "secret": secret, "claims": claims, "options": { "expiresIn": 300 } });
        self.call("mint", command)
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Publishes with standardwebhooks; answers with status and body.
    pub(crate) async fn publish(&self, url: &str, secret: &str, body: &str) -> (u64, Value) {
        let mut answer = self
            .call(
                "publish",
                json!({ "url": url, "secret": secret, "body": body }),
            )
            .await;
        (answer["status"].as_u64().unwrap(), answer["body"].take())
    }

    /// A stock client of that version, connecting.
    pub(crate) async fn connect(&self, version: &str, url: &str, token: &str) -> StockClient<'_> {
        self.connect_with(version, url, token, json!({})).await
    }

    /// The same with options of its own.
    pub(crate) async fn connect_with(
        &self,
        version: &str,
        url: &str,
        token: &str,
        options: Value,
    ) -> StockClient<'_> {
        let command = json!({ "version": version, "url": url, "token": token, "options": options });
        self.client(command).await
    }
}
