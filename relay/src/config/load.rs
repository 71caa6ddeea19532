//! Layers the sources and validates the whole.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::problem::{Problem, Problems};
use super::reader::Reader;
use super::setting::{Settings, Source, Value};
use super::top::{self, Config};
use super::{environment, file};

/// The file that is read when no other is named.
const USUAL_FILE: &str = "forge-relay.toml";

/// What lies over the default.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// The flags that set a key.
    pub flags: Vec<Flag>,
}

/// A flag of the command line that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as typed, such as `--bind`.
    pub flag: &'static str,
    /// Its key, such as `bind`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// A valid configuration and its history.
#[derive(Clone)]
pub struct Loaded {
    /// What the relay runs with.
    pub config: Config,
    /// What was said about each key, and where.
    pub settings: Settings,
    /// What is odd without being wrong.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Reads the file (`--config`, else `RELAY_CONFIG`, else `./forge-relay.toml` if it is there), lays the
    /// environment and the flags over it, and validates the whole.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from(sources: Sources) -> Result<Loaded, Problems> {
        let variable = sources
            .variables
            .iter()
            .find(|(name, value)| name == "RELAY_CONFIG" && !value.is_empty());
        let (path, named_by) = match (&sources.file, variable) {
            (Some(path), _) => (path.clone(), Some(Source::Flag("--config".to_owned()))),
            (None, Some((name, path))) => {
                let name = name.to_string_lossy().into_owned();
                (PathBuf::from(path), Some(Source::Variable(name)))
            }
            (None, None) => (PathBuf::from(USUAL_FILE), None),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => assemble(Some((shown(&path), text)), sources, Vec::new()),
            Err(e) if e.kind() == ErrorKind::NotFound && named_by.is_none() => {
                assemble(None, sources, Vec::new())
            }
            Err(e) => {
                let problem = Problem {
                    source: named_by,
                    key: String::new(),
                    message: format!("{} cannot be read: {e}", shown(&path)),
                };
                assemble(None, sources, vec![problem])
            }
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The part of loading that touches no file but those of secrets.
pub(super) fn assemble(
    file: Option<(String, String)>,
    sources: Sources,
    mut problems: Vec<Problem>,
) -> Result<Loaded, Problems> {
    let mut warnings = Vec::new();
    let mut whole = problems.is_empty();
    let mut settings = file::default_settings(&mut problems);
    if let Some((path, text)) = file {
        whole = file::lay(&mut settings, &path, &text, &mut problems);
    }
    environment::lay(
        &mut settings,
        sources.variables,
        &mut problems,
        &mut warnings,
    );
    for Flag { flag, key, value } in sources.flags {
        settings.set(key, Value::Text(value), Source::Flag(flag.to_owned()));
    }

    let mut reader = Reader::new(&settings);
    let config = top::read(&mut reader, whole);
    problems.append(&mut reader.problems);
    problems.sort_by(|a, b| a.source.cmp(&b.source));
    // What apps take over from the top is read once for each of them.
    problems.dedup();
    match config {
        Some(config) if problems.is_empty() => {
            warn(&config, &mut warnings);
            Ok(Loaded {
                config,
                settings,
                warnings,
            })
        }
        _ => Err(Problems { problems, warnings }),
    }
}

/// What is allowed, but seldom meant.
fn warn(config: &Config, warnings: &mut Vec<Problem>) {
    let mut warn = |key: &str, message: String| {
        warnings.push(Problem {
            source: None,
            key: key.to_owned(),
            message,
        });
    };
    for app in config
        .apps
        .iter()
        .filter(|app| app.allowed_origins.is_empty())
    {
        let message = format!(
            "app {:?} allows no origin, so no browser can connect",
            app.id
        );
        warn("allowed_origins", message);
    }
    if config
        .trusted_proxies
        .iter()
        .any(|net| net.prefix_len() == 0)
    {
        let message =
            "everybody is trusted, so anyone can make up the address they come from".to_owned();
        warn("trusted_proxies", message);
    }
}
