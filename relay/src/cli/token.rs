//! `forge-relay token mint` and `token check`.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use forge_relay_core::token::{self, Issuer, NewToken, TokenError, TokenRules};
use forge_relay_core::{Claims, KeyRing, SessionId};
use serde_json::{Value as Json, json};

use super::clock::unix_seconds;
use super::exit::Exit;
use super::output::{complain, note, say};
use super::secret::SecretArgs;
use crate::config::parse_duration;

#[derive(Subcommand)]
pub(super) enum Token {
    /// Mint a token that opens one session for one account; standard output has nothing but the token
    #[command(after_help = "\
Examples:
  forge-relay token mint --account acct-1 --session abc-123
  forge-relay token mint --account acct-1 --session abc-123 --expires-in 60s --json

The secret is RELAY_TOKEN_SECRET where that is set, else RELAY_SECRET (or their _FILE).
Exit codes: 0 minted, 2 it cannot be minted so.")]
    Mint(Mint),
    /// Say what a token claims, which key signed it, and whether the relay would take it now
    #[command(after_help = "\
Examples:
  forge-relay token check eyJhbGciOiJIUzI1NiJ9…
  forge-relay token mint --account a --session s | forge-relay token check - --json

The secret is RELAY_TOKEN_SECRET where that is set, else RELAY_SECRET (or their _FILE).
Exit codes: 0 the relay would take it, 1 it would not, 2 no usable secret.")]
    Check(Check),
}

#[derive(Args)]
pub(super) struct Mint {
    /// Whose token it is
    #[arg(long, value_name = "ID")]
    account: String,
    /// The session that it opens
    #[arg(long, value_name = "ID")]
    session: String,
    /// Its life, up to 300s
    #[arg(long, value_name = "DURATION", default_value = "300s")]
    expires_in: String,
    /// The app, where the relay serves several [default: RELAY_APP]
    #[arg(long, value_name = "ID", env = "RELAY_APP", hide_env = true)]
    app: Option<String>,
    #[command(flatten)]
    secret: SecretArgs,
    /// Print an object with `token` and `expiresAt`
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Check {
    /// The token, or - to read it from standard input
    token: String,
    /// The app that it must be for, where the relay serves several [default: RELAY_APP]
    #[arg(long, value_name = "ID", env = "RELAY_APP", hide_env = true)]
    app: Option<String>,
    #[command(flatten)]
    secret: SecretArgs,
    /// Print an object with `valid`, `keyId`, `claims`, and `code` and `detail` where it is not valid
    #[arg(long)]
    json: bool,
}

impl Token {
    pub(super) fn run(self) -> Exit {
        let done = match self {
            Token::Mint(mint) => mint.run(),
            Token::Check(check) => check.run(),
        };
        done.unwrap_or_else(|message| {
            complain(message);
            Exit::Usage
        })
    }
}

impl Mint {
    fn run(self) -> Result<Exit, String> {
        let ring = self.secret.token_keys()?;
        let session_id = SessionId::parse(&self.session).map_err(|e| format!("--session: {e}"))?;
        let life = parse_duration(&self.expires_in).map_err(|e| format!("--expires-in: {e}"))?;
        if life.subsec_nanos() != 0 {
            return Err("--expires-in: write whole seconds".to_owned());
        }
        let new = NewToken {
            account_id: &self.account,
            session_id: &session_id,
            expires_in: u32::try_from(life.as_secs()).unwrap_or(u32::MAX),
            issuer: self.app.as_deref(),
        };
        let jti = uuid::Uuid::now_v7().to_string();
        let minted = token::mint(&ring, &new, unix_seconds(), &jti).map_err(|e| e.to_string())?;
        if self.json {
            say(json!({ "token": minted.token, "expiresAt": minted.expires_at }));
        } else {
            say(minted.token);
            note(format_args!(
                "expires at {} (in {} s), signed with key {}",
                minted.expires_at,
                life.as_secs(),
                ring.signing().id()
            ));
        }
        Ok(Exit::Done)
    }
}

impl Check {
    fn run(self) -> Result<Exit, String> {
        let ring = self.secret.token_keys()?;
        let token = if self.token == "-" {
            read_token()?
        } else {
            self.token
        };
        let token = token.trim();
        let rules = TokenRules {
            issuer: self.app.as_deref().map_or(Issuer::Any, Issuer::Required),
            ..TokenRules::default()
        };
        let now = unix_seconds();
        let verdict = token::verify(&ring, token, &rules, now);
        let key = key_of(&ring, token, &rules, now, &verdict);
        let claims = match &verdict {
            Ok(claims) => serde_json::to_value(claims).unwrap_or_default(),
            Err(_) => unverified_claims(token),
        };
        if self.json {
            let mut answer = json!({ "valid": verdict.is_ok(), "keyId": key, "claims": claims });
            if let Err(error) = &verdict {
                answer["code"] = json!(error.code());
                answer["detail"] = json!(error.to_string());
            }
            say(answer);
        } else {
            let signed = key.map_or_else(String::new, |id| format!("\nsigned with key {id}"));
            match &verdict {
                Ok(claims) => {
                    let left = claims.exp.saturating_sub(now);
                    say(format_args!("valid for another {left} s{signed}"));
                }
                Err(error) => say(format_args!(
                    "refused, {}: {error}{signed}",
                    error.code().as_str()
                )),
            }
            if let Json::Object(claims) = claims {
                say(if verdict.is_ok() {
                    "claims"
                } else {
                    "claims, as they stand there"
                });
                for (name, value) in claims {
                    // As JSON, so that a hostile claim cannot drive the terminal.
                    say(format_args!("  {name:<9} {value}"));
                }
            }
        }
        Ok(if verdict.is_ok() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

fn read_token() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(1 << 20)
        .read_to_string(&mut text)
        .map_err(|e| format!("standard input cannot be read: {e}"))?;
    Ok(text)
}

/// The key that signed it, also of a token that is refused for its time or scope.
fn key_of(
    ring: &KeyRing,
    token: &str,
    rules: &TokenRules<'_>,
    now: i64,
    verdict: &Result<Claims, TokenError>,
) -> Option<String> {
    if matches!(verdict, Err(TokenError::Invalid(_) | TokenError::Missing)) {
        return None;
    }
    ring.keys()
        .iter()
        .find(|key| token::verify(&KeyRing::from((*key).clone()), token, rules, now) == *verdict)
        .map(|key| key.id().to_owned())
}

/// What a refused token says, to find out why; nobody vouches for it.
fn unverified_claims(token: &str) -> Json {
    let claims = token.split('.').nth(1).unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(claims)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}
