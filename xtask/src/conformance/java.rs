//! The stock Socket.IO client for Java, driven by tests/conformance/java/StockClient.java, against the relay itself.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::outcome;
use super::server::{Server, program};
use super::table::{Outcome, Row};
use crate::setup;
use crate::step::{command, quiet, quiet_within, stamped};
use crate::workspace;

/// The oldest JDK that runs the driver.
const JDK: u32 = 17;
const FOLDER: &str = "tests/conformance/java";
/// It has deadlines of its own.
const LIMIT: Duration = Duration::from_secs(300);

/// The ways in, as titles and as the driver calls them.
const WAYS: [(&str, &str); 2] = [
    ("socket.io-client for Java, by WebSocket", "websocket"),
    (
        "socket.io-client for Java, by polling and upgrade",
        "polling",
    ),
];

pub(super) fn rows() -> Result<Vec<Row>> {
    let version = format!("io.socket:socket.io-client {}", client_version()?);
    let packages = match missing() {
        Some(cure) => Err(cure),
        None => Ok(packages()?),
    };
    WAYS.into_iter()
        .map(|(title, way)| {
            let outcome = match &packages {
                Ok(packages) => drive(title, way, packages)?,
                Err(cure) => Outcome::NotRun(cure.clone()),
            };
            Ok(Row::new(title, version.clone(), outcome))
        })
        .collect()
}

/// What installs what is not there.
fn missing() -> Option<String> {
    // `java` alone may be a runtime that cannot compile the driver.
    let jdk =
        setup::version("javac").and_then(|text| setup::number(text.strip_prefix("javac ")?, 0));
    if jdk.is_some_and(|jdk| jdk >= JDK) && setup::version("mvn").is_some() {
        return None;
    }
    Some(format!(
        "The Socket.IO client for Java needs a JDK, {JDK} or newer, and Maven.\n\
         Install them from https://adoptium.net and https://maven.apache.org/download.cgi{}",
        setup::debian("default-jdk-headless maven")
    ))
}

fn pom() -> PathBuf {
    workspace::root().join(FOLDER).join("pom.xml")
}

/// The version in pom.xml, of its only dependency.
fn client_version() -> Result<String> {
    let pom = fs::read_to_string(pom())?;
    let version = pom
        .split_once("<artifactId>socket.io-client</artifactId>")
        .and_then(|(_, rest)| rest.split_once("<version>"))
        .and_then(|(_, rest)| rest.split_once("</version>"));
    let (version, _) = version.context("pom.xml names no version of socket.io-client")?;
    Ok(version.to_owned())
}

/// The client and what it needs, from Maven Central.
fn packages() -> Result<PathBuf> {
    let packages = super::scratch().join("java");
    let title = format!("Java packages of {FOLDER}");
    stamped(&title, &pom(), &packages, || {
        if packages.exists() {
            fs::remove_dir_all(&packages)?;
        }
        let mut maven = command("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(pom());
        maven.arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies");
        let mut folder = std::ffi::OsString::from("-DoutputDirectory=");
        folder.push(&packages);
        maven.arg(folder);
        quiet(&title, maven)
    })?;
    Ok(packages)
}

fn drive(title: &str, way: &str, packages: &std::path::Path) -> Result<Outcome> {
    let mut keys = command(program("forge-relay"));
    keys.args(["keys", "new"]);
    let secret = setup::answer(keys).context("`forge-relay keys new` makes no secret")?;
    let relay = Server::relay(&secret)?;
    let mut java = command("java");
    java.arg("-cp").arg(packages.join("*"));
    java.arg(workspace::root().join(FOLDER).join("StockClient.java"));
    java.arg(format!("http://{}", relay.address)).arg(way);
    java.env("RELAY_SECRET", &secret);
    let driven = quiet_within(LIMIT, title, java);
    Ok(outcome(driven, || {
        "pass: connect, receive, resume, refused".to_owned()
    }))
}
