//! `forge-relay keys new`: the one command that shows a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use forge_relay_core::Key;
use serde_json::json;

use super::exit::Exit;
use super::output::{complain, note, say};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Make a new secret of 32 random bytes; standard output has nothing but the secret
    #[command(after_help = "\
Examples:
  export RELAY_SECRET=$(forge-relay keys new)
  forge-relay keys new > relay.secret    # then RELAY_SECRET_FILE=relay.secret
  forge-relay keys new --json            # {\"secret\": \"whsec_…\", \"id\": \"1a2b3c4d\"}

To change a secret without downtime, put the new one before the old one (RELAY_SECRET=\"new old\"), let
the app do the same, then remove the old one on both sides.")]
    New(New),
}

#[derive(Args)]
pub(super) struct New {
    /// Print an object with `secret` and `id`
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn run(self) -> Exit {
        let Keys::New(New { json }) = self;
        match new_secret() {
            Ok((secret, id)) if json => say(json!({ "secret": secret, "id": id })),
            Ok((secret, id)) => {
                say(secret);
                note(format_args!("key id {id}"));
            }
            Err(message) => {
                complain(message);
                return Exit::Failed;
            }
        }
        Exit::Done
    }
}

fn new_secret() -> Result<(String, String), String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| format!("the system gives no random bytes: {e}"))?;
    let secret = format!("whsec_{}", STANDARD.encode(bytes));
    let key = Key::parse(&secret).map_err(|e| e.to_string())?;
    Ok((secret, key.id().to_string()))
}
