//! Autobahn's WebSocket suite: framing, pings, reserved bits, opcodes, fragments, UTF-8, closing. It is a program of
//! Python 2.7, which most machines have no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::server::Server;
use super::table::{Outcome, Row};
use crate::setup;
use crate::step::{command, quiet, quiet_within, stamped};
use crate::workspace;

const TITLE: &str = "Autobahn's WebSocket suite, sections 1–7 and 10";
const VERSION: &str = "autobahntestsuite 0.8.2";
const REQUIREMENTS: &str = "tests/conformance/autobahn/requirements.txt";
/// The suite's program, with the packages of a folder: those of a namespace need more than the path.
const WSTEST: &str = "import site, sys; site.addsitedir(sys.argv.pop(1)); \
    from autobahntestsuite.wstest import run; run()";
/// It takes a minute.
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn row(python: Option<&Path>) -> Result<Row> {
    let outcome = match find_python(python) {
        Some(python) => run(&python)?,
        None => Outcome::NotRun(format!(
            "{TITLE}, needs Python 2.7 with pip, and a C compiler. With pyenv (https://github.com/pyenv/pyenv):\n  \
             pyenv install 2.7.18\nElsewhere than pyenv puts it: cargo xtask conformance --python2 PROGRAM"
        )),
    };
    Ok(Row::new(TITLE, VERSION, outcome))
}

/// A Python 2.7 that has pip: the given one, one on the path, or one of pyenv's.
fn find_python(given: Option<&Path>) -> Option<PathBuf> {
    let candidates = match given {
        Some(given) => vec![given.to_owned()],
        None => {
            let mut known = vec![PathBuf::from("python2.7"), PathBuf::from("python2")];
            known.extend(of_pyenv());
            known
        }
    };
    candidates.into_iter().find(|python| {
        let mut ask = command(python);
        ask.args([
            "-c",
            "import pip, sys; print('%d.%d' % sys.version_info[:2])",
        ]);
        setup::answer(ask).as_deref() == Some("2.7")
    })
}

fn of_pyenv() -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv"));
    let Some(versions) = root.or_else(home).map(|root| root.join("versions")) else {
        return Vec::new();
    };
    let Ok(versions) = fs::read_dir(versions) else {
        return Vec::new();
    };
    versions
        .flatten()
        .filter(|version| version.file_name().to_string_lossy().starts_with("2.7"))
        .map(|version| version.path().join("bin").join("python2.7"))
        .collect()
}

fn run(python: &Path) -> Result<Outcome> {
    let packages = super::scratch().join("autobahn-packages");
    let title = format!("Python packages of {REQUIREMENTS}");
    let source = workspace::root().join(REQUIREMENTS);
    stamped(&title, &source, &packages, || {
        if packages.exists() {
            fs::remove_dir_all(&packages)?;
        }
        let mut install = command(python);
        install.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-deps",
        ]);
        install
            .arg("--target")
            .arg(&packages)
            .arg("-r")
            .arg(&source);
        quiet(&title, install)
    })?;

    let folder = super::scratch().join("autobahn");
    // What an earlier run reported must not be taken for this one's.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let server = Server::of_suite("websocket", "127.0.0.1:0")?;
    let settings = format!(
        r#"{{ "outdir": "reports",
  "servers": [{{ "agent": "forge-relay", "url": "ws://{}/engine.io/?EIO=4&transport=websocket" }}],
  "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"],
  "exclude-cases": [], "exclude-agent-cases": {{}} }}
"#,
        server.address
    );
    fs::write(folder.join("fuzzingclient.json"), settings)?;
    let mut client = Command::new(python);
    client.current_dir(&folder).env("PYTHONPATH", &packages);
    client.args(["-c", WSTEST]).arg(&packages);
    client.args(["--mode", "fuzzingclient", "--spec", "fuzzingclient.json"]);
    if let Err(error) = quiet_within(LIMIT, TITLE, client) {
        println!("{error:#}");
        return Ok(Outcome::Failed("**failed**".to_owned()));
    }
    let report = fs::read_to_string(folder.join("reports").join("index.json"))?;
    Ok(Verdict::of(&report).outcome(&folder))
}

/// How many cases ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    all: usize,
    ok: usize,
    non_strict: usize,
    informational: usize,
    /// Of all, those that also closed as they should.
    closed: usize,
}

impl Verdict {
    /// Reads Autobahn's report: one object a case.
    fn of(report: &str) -> Self {
        let count =
            |field: &str, value: &str| report.matches(&format!("\"{field}\": \"{value}\"")).count();
        Self {
            all: report.matches("\"behavior\": ").count(),
            ok: count("behavior", "OK"),
            non_strict: count("behavior", "NON-STRICT"),
            informational: count("behavior", "INFORMATIONAL"),
            closed: count("behaviorClose", "OK") + count("behaviorClose", "INFORMATIONAL"),
        }
    }

    fn outcome(&self, folder: &Path) -> Outcome {
        let Self {
            all,
            ok,
            non_strict,
            informational,
            closed,
        } = self;
        let passed = ok + non_strict + informational;
        if *all == 0 || passed < *all || closed < all {
            println!(
                "{passed} of {all} cases passed, {closed} closed as they should: see {}",
                folder.join("reports").join("index.html").display()
            );
            return Outcome::Failed(format!("**{passed} of {all} cases pass**"));
        }
        let mut result = format!("{all} cases: {ok} pass");
        if *non_strict > 0 {
            result += &format!(", {non_strict} pass, though not strictly");
        }
        if *informational > 0 {
            result += &format!(", {informational} informational");
        }
        Outcome::Passed(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(behavior: &str, close: &str) -> String {
        format!(
            "\"1.1\": {{\n \"behavior\": \"{behavior}\",\n \"behaviorClose\": \"{close}\",\n \"remoteCloseCode\": 1000\n}},\n"
        )
    }

    fn outcome(cases: &[(&str, &str)]) -> Outcome {
        let report: String = cases.iter().map(|(b, c)| case(b, c)).collect();
        Verdict::of(&report).outcome(Path::new("reports"))
    }

    #[test]
    fn every_case_must_pass_and_close_as_it_should() {
        let fine = [
            ("OK", "OK"),
            ("INFORMATIONAL", "INFORMATIONAL"),
            ("NON-STRICT", "OK"),
        ];
        let passed = outcome(&fine);
        let Outcome::Passed(text) = passed else {
            unreachable!("all of it is fine")
        };
        assert_eq!(
            text,
            "3 cases: 1 pass, 1 pass, though not strictly, 1 informational"
        );
        for wrong in [
            ("FAILED", "OK"),
            ("OK", "UNCLEAN"),
            ("OK", "FAILED BY CLIENT"),
            ("OK", "WRONG CODE"),
            ("UNIMPLEMENTED", "OK"),
        ] {
            let cases = [fine.as_slice(), &[wrong]].concat();
            assert!(matches!(outcome(&cases), Outcome::Failed(_)), "{wrong:?}");
        }
        assert!(
            matches!(outcome(&[]), Outcome::Failed(_)),
            "nothing was run"
        );
    }
}
