//! The binary, run.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

pub(crate) const SECRET: &str = "a-secret-for-tests-of-at-least-32-bytes";
pub(crate) const OTHER: &str = "another-secret-for-tests-of-at-least-32-bytes";
/// Nothing here takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, in an empty folder of its own and with nothing of this process's environment.
pub(crate) struct Run {
    pub(crate) command: Command,
    folder: PathBuf,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn relay(test: &str, args: &[&str]) -> Run {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-relay"));
    command
        .args(args)
        .env_clear()
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Run { command, folder }
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.join(name), text).unwrap();
        self
    }

    pub(crate) fn ran(self) -> Ran {
        self.with_input("")
    }

    pub(crate) fn with_input(mut self, input: &str) -> Ran {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not want any.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }

    #[track_caller]
    pub(crate) fn hides(self, secret: &str) -> Self {
        assert!(!self.out.contains(secret), "out: {}", self.out);
        assert!(!self.err.contains(secret), "err: {}", self.err);
        self
    }
}
