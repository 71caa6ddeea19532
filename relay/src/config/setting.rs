//! What was said about a key, and where.

use std::collections::BTreeMap;
use std::fmt;

/// Where a value comes from. The order is that of the layers: the later one wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The documented default that is compiled in.
    Default {
        /// Its line there, which orders the keys for a reader.
        line: usize,
    },
    /// The operator's file.
    File {
        /// Its path as given.
        path: String,
        /// Its line, counted from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag of the command line, by its name.
    Flag(String),
}

impl Source {
    /// The layer: of two sources with the same rank none wins over the other.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Source::Default { .. } => 0,
            Source::File { .. } => 1,
            Source::Variable(_) => 2,
            Source::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default { .. } => f.write_str("default"),
            Source::File { path, line } => write!(f, "{path}:{line}"),
            Source::Variable(name) | Source::Flag(name) => f.write_str(name),
        }
    }
}

/// A value before its key gives it a meaning. No `Debug`, because it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string of a file, a variable, a flag.
    Text(String),
    /// A number, boolean or date of a file, as written.
    Bare(String),
    /// A list of strings of a file.
    List(Vec<String>),
}

impl Value {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) | Value::Bare(text) => text.trim().is_empty(),
            Value::List(items) => items.is_empty(),
        }
    }
}

#[derive(Clone)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// All that was said, layered. Keys are written as `bind`, `limits.payload`, `apps.<id>.secret`.
#[derive(Clone, Default)]
pub struct Settings {
    pub(super) values: BTreeMap<String, Setting>,
    /// The ids of `[[apps]]` in the order of the file, and where each begins.
    pub(super) apps: Vec<(String, Source)>,
}

impl Settings {
    /// Adds a layer: what it says replaces what was said before.
    pub(super) fn set(&mut self, key: impl Into<String>, value: Value, source: Source) {
        self.values.insert(key.into(), Setting { value, source });
    }

    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.values.get(key)
    }
}

/// The environment variable of a key: `limits.payload` is `RELAY_LIMITS_PAYLOAD`.
pub(super) fn variable_of(key: &str) -> String {
    let name = key.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase(),
        _ => '_',
    });
    "RELAY_".chars().chain(name).collect()
}
