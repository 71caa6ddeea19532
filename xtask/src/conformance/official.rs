//! The official suites of Engine.IO and Socket.IO. They are other people's work: they are run from a clone,
//! and only the ones that are meant.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::server::Server;
use super::table::{Outcome, Row};
use crate::setup;
use crate::step::{command, quiet_within};
use crate::workspace;

/// How often each suite has to pass, one run after the other.
const RUNS: usize = 3;
/// A suite takes ten seconds.
const LIMIT: Duration = Duration::from_secs(120);
/// They know this address only.
const ADDRESS: &str = "127.0.0.1:3000";
/// The commit of socketio/socket.io whose suites are meant.
const COMMIT: &str = "d2d753fed4435015c2d83fe62e676b44e07fa3f7";
/// Their packages, in versions that we chose.
const PACKAGES: &str = "tests/conformance/js";

struct Suite {
    title: &'static str,
    /// What the server calls it.
    name: &'static str,
    /// Where it is in the clone, and git's hash of it.
    file: &'static str,
    blob: &'static str,
}

const SUITES: [Suite; 2] = [
    Suite {
        title: "Engine.IO protocol 4, official suite",
        name: "engine",
        file: "docs/engine.io-protocol/v4-test-suite/test-suite.js",
        blob: "be67939d0914bef24157e73763da252ae4a00d18",
    },
    Suite {
        title: "Socket.IO protocol 5, official suite",
        name: "socket",
        file: "docs/socket.io-protocol/v5-test-suite/test-suite.js",
        blob: "a00e433ddbf824875864ea425748960e9986bb99",
    },
];

pub(super) fn rows(clone: Option<&Path>) -> Result<Vec<Row>> {
    let version = format!("socketio/socket.io at {}", &COMMIT[..12]);
    SUITES
        .iter()
        .map(|suite| {
            let outcome = match suite.found_in(clone) {
                Ok(file) => suite.run(&file)?,
                Err(cure) => Outcome::NotRun(cure),
            };
            Ok(Row::new(suite.title, version.clone(), outcome))
        })
        .collect()
}

impl Suite {
    /// The suite, if it is there and nobody changed it; otherwise how to get it.
    fn found_in(&self, clone: Option<&Path>) -> Result<PathBuf, String> {
        let get = format!(
            "The official suites of Engine.IO and Socket.IO are in the repository socketio/socket.io:\n  \
             git clone https://github.com/socketio/socket.io\n  git -C socket.io checkout {COMMIT}\n  \
             cargo xtask conformance --suites socket.io"
        );
        let Some(clone) = clone else {
            return Err(get);
        };
        let file = clone.join(self.file);
        // `git` hashes: so it does not matter how the files came here.
        let mut hash = command("git");
        hash.args(["hash-object", "--no-filters"]);
        hash.arg(std::path::absolute(&file).unwrap_or_else(|_| file.clone()));
        match setup::answer(hash) {
            Some(blob) if blob == self.blob => Ok(file),
            Some(_) => Err(format!("{} is another version.\n{get}", file.display())),
            None => Err(format!("{} is not there.\n{get}", file.display())),
        }
    }

    /// Runs all of it, as often as it must pass.
    fn run(&self, file: &Path) -> Result<Outcome> {
        setup::npm(PACKAGES)?;
        let folder = super::scratch().join(self.name);
        fs::create_dir_all(&folder)?;
        let suite = folder.join("test-suite.js");
        fs::copy(file, &suite)?;
        fs::write(folder.join("package.json"), "{ \"type\": \"module\" }\n")?;
        // It takes its world from this file, beside it.
        let packages = workspace::root().join(PACKAGES);
        let imports = packages.join("imports.mjs");
        fs::write(
            folder.join("node-imports.js"),
            format!(
                "await import({:?});\n",
                format!("file://{}", imports.display())
            ),
        )?;

        let mut results = Vec::new();
        let mut content = true;
        for run in 1..=RUNS {
            let result = folder.join("result");
            fs::write(&result, "none")?;
            let _server = Server::of_suite(self.name, ADDRESS)
                .with_context(|| format!("{} needs {ADDRESS}", self.title))?;
            let mut mocha = command("node");
            mocha.arg(packages.join("run.mjs")).args([&suite, &result]);
            let title = format!("{}, run {run} of {RUNS}", self.title);
            if let Err(error) = quiet_within(LIMIT, &title, mocha) {
                println!("{error:#}");
                content = false;
            }
            results.push(fs::read_to_string(&result)?);
        }
        if content && results.iter().all(|result| *result == results[0]) {
            return Ok(Outcome::Passed(format!(
                "{}, {RUNS} times in a row",
                results[0]
            )));
        }
        Ok(Outcome::Failed(format!("**{}**", results.join(", "))))
    }
}
