//! The secret of a command: from the environment or a file, never from the command line.

use clap::Args;
use forge_relay_core::KeyRing;

use crate::config::{parse_secret, read_secret_file};

#[derive(Args)]
pub(super) struct SecretArgs {
    /// File that holds the secret [default: RELAY_SECRET, or the file that RELAY_SECRET_FILE names]
    #[arg(long, value_name = "PATH")]
    secret_file: Option<String>,
}

impl SecretArgs {
    /// The keys that sign events.
    pub(super) fn keys(&self) -> Result<KeyRing, String> {
        self.first_of(&["RELAY_SECRET"])
    }

    /// The keys that sign tokens.
    pub(super) fn token_keys(&self) -> Result<KeyRing, String> {
        self.first_of(&["RELAY_TOKEN_SECRET", "RELAY_SECRET"])
    }

    /// The secret as a bearer: the text of the first.
    pub(super) fn bearer(&self) -> Result<String, String> {
        let (_, text) = self.text_of(&["RELAY_SECRET"])?;
        let mut secrets = text.split(|c: char| c == ',' || c.is_whitespace());
        let first = secrets.find(|secret| !secret.is_empty());
        Ok(first.unwrap_or_default().to_owned())
    }

    /// Whether a file was named for it.
    pub(super) fn names_file(&self) -> bool {
        self.secret_file.is_some()
    }

    fn first_of(&self, variables: &[&str]) -> Result<KeyRing, String> {
        Ok(self.text_of(variables)?.0)
    }

    /// The keys of what is said first, and its text.
    fn text_of(&self, variables: &[&str]) -> Result<(KeyRing, String), String> {
        if let Some(path) = &self.secret_file {
            return read_secret_file(path)
                .and_then(|text| Ok((parse_secret(&text)?, text)))
                .map_err(|e| format!("--secret-file: {e}"));
        }
        for name in variables {
            let file = format!("{name}_FILE");
            let (said_in, secret) = match (said(name)?, said(&file)?) {
                (None, None) => continue,
                (Some(_), Some(_)) => {
                    return Err(format!("{name} and {file} are both set: unset one of them"));
                }
                (Some(text), None) => ((*name).to_owned(), Ok(text)),
                (None, Some(path)) => (file, read_secret_file(&path)),
            };
            return secret
                .and_then(|text| Ok((parse_secret(&text)?, text)))
                .map_err(|e| format!("{said_in}: {e}"));
        }
        Err(
            "no secret: set RELAY_SECRET or RELAY_SECRET_FILE, or name a file with --secret-file; \
             `forge-relay keys new` makes one"
                .to_owned(),
        )
    }
}

/// What a variable says; an empty one says nothing.
pub(super) fn said(name: &str) -> Result<Option<String>, String> {
    match std::env::var_os(name).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Err(_)) => Err(format!("{name}: the value is not UTF-8")),
        Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
    }
}
