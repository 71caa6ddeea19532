//! `forge-relay publish`: one event, signed as the SDK signs it, and sent again until it is accepted or time is up.

use std::io::Read as _;
use std::time::{Duration, Instant};

use clap::Args;
use forge_relay_core::{KeyRing, Timestamp, signature};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use ureq::Agent;
use ureq::http::{Response, Uri};

use super::client::{RelayArgs, agent, in_words, jittered, relay_url};
use super::clock::{unix_millis, unix_seconds};
use super::exit::Exit;
use super::output::{complain, note, say};
use super::secret::SecretArgs;
use crate::config::parse_duration;

/// One attempt; the deadline is over all of them.
const ATTEMPT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: u64 = 1 << 20;
const LARGEST_PAYLOAD: u64 = 64 << 20;

#[derive(Args)]
#[command(after_help = "\
Examples:
  forge-relay publish --session abc-123 --event vote.cast '{\"value\": 5}'
  forge-relay publish --session abc-123 --event board.changed @board.json
  jq -n '{value: 5}' | forge-relay publish --session abc-123 --event vote.cast - --json

It is sent again with the same nonce after network errors, 429, 502, 503 and 504, so that it is
delivered once.
Exit codes: 0 it is in the log; 1 the relay refused it; 2 nothing was sent; 3 not accepted in time,
and publishing again with the same --nonce is safe.")]
pub(super) struct Publish {
    /// The payload: JSON, @FILE, or - to read it from standard input
    #[arg(value_name = "PAYLOAD")]
    payload: String,
    /// The session to publish to
    #[arg(long, value_name = "ID")]
    session: String,
    /// The event's name, such as vote.cast
    #[arg(long, value_name = "NAME")]
    event: String,
    /// The event's nonce, 1 to 64 visible characters; publishing it again with the same one delivers it once
    /// [default: a new one]
    #[arg(long)]
    nonce: Option<String>,
    #[command(flatten)]
    relay: RelayArgs,
    /// How long to try
    #[arg(long, value_name = "DURATION", default_value = "20s")]
    deadline: String,
    #[command(flatten)]
    secret: SecretArgs,
    /// Print the receipt, or the problem, as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    session_id: &'a str,
    event: &'a str,
    payload: &'a RawValue,
    nonce: &'a str,
    timestamp: Timestamp,
}

/// How an attempt ended.
enum Outcome {
    /// The receipt.
    Accepted(Json),
    /// For good: the relay's problem, or what stands for it.
    Refused(Json),
    /// Perhaps next time: why, and when the relay wants to be asked again.
    Again(String, Option<Duration>),
}

impl Publish {
    pub(super) fn run(self) -> Exit {
        let prepared = self.prepare();
        let (request, deadline) = match prepared {
            Ok(prepared) => prepared,
            Err(message) => {
                complain(message);
                return Exit::Usage;
            }
        };
        let outcome = until(deadline, || request.attempt(deadline));
        match outcome {
            Outcome::Accepted(receipt) if self.json => {
                say(receipt);
                Exit::Done
            }
            Outcome::Accepted(receipt) => {
                let again = if receipt["duplicate"] == true {
                    ", as it was before"
                } else {
                    ""
                };
                say(format_args!(
                    "published{again}: seq {}, cursor {}",
                    receipt["seq"],
                    receipt["cursor"].as_str().unwrap_or_default()
                ));
                Exit::Done
            }
            Outcome::Refused(problem) => {
                if self.json {
                    say(problem);
                } else {
                    complain(in_words(&problem));
                }
                Exit::Failed
            }
            Outcome::Again(why, _) => {
                if self.json {
                    say(
                        json!({ "code": "not_accepted_in_time", "detail": why, "nonce": request.nonce }),
                    );
                } else {
                    complain(format_args!("not accepted in time: {why}"));
                    note(format_args!(
                        "publishing it again with --nonce {} delivers it once at most",
                        request.nonce
                    ));
                }
                Exit::Later
            }
        }
    }

    fn prepare(&self) -> Result<(Request, Instant), String> {
        let ring = self.secret.keys()?;
        let deadline = parse_duration(&self.deadline).map_err(|e| format!("--deadline: {e}"))?;
        let payload = read_payload(&self.payload)?;
        let payload: &RawValue = serde_json::from_str(&payload).map_err(|e| {
            format!(
                "the payload is not JSON: {e}; a text needs its own quotes, such as '\"hello\"'"
            )
        })?;
        let nonce = self
            .nonce
            .clone()
            .unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let timestamp = Timestamp::from_unix_millis(unix_millis()).map_err(|e| e.to_string())?;
        let body = serde_json::to_vec(&Body {
            session_id: &self.session,
            event: &self.event,
            payload,
            nonce: &nonce,
            timestamp,
        })
        .map_err(|e| e.to_string())?;
        let request = Request {
            agent: agent().build().new_agent(),
            url: relay_url(&self.relay.url, "/events")?,
            app: self.relay.app.clone(),
            ring,
            // The request's own id: the same in every attempt, because it is the same request.
            id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            nonce,
            body,
        };
        let now = Instant::now();
        Ok((request, now.checked_add(deadline).unwrap_or(now)))
    }
}

fn read_payload(argument: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = match (argument, argument.strip_prefix('@')) {
        ("-", _) => std::io::stdin()
            .lock()
            .take(LARGEST_PAYLOAD)
            .read_to_string(&mut text),
        (_, Some(path)) => std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST_PAYLOAD).read_to_string(&mut text)),
        _ => return Ok(argument.to_owned()),
    };
    read.map_err(|e| format!("the payload cannot be read from {argument}: {e}"))?;
    Ok(text)
}

struct Request {
    agent: Agent,
    url: Uri,
    app: Option<String>,
    ring: KeyRing,
    id: String,
    nonce: String,
    body: Vec<u8>,
}

impl Request {
    fn attempt(&self, deadline: Instant) -> Outcome {
        let left = deadline.saturating_duration_since(Instant::now());
        // Signed anew each time: a signature is only good for minutes.
        let now = unix_seconds();
        let signed = signature::sign(&self.ring, &self.id, now, &self.body);
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header(signature::ID, &self.id)
            .header(signature::TIMESTAMP, now.to_string())
            .header(signature::SIGNATURE, signed);
        if let Some(app) = &self.app {
            request = request.header("relay-app", app);
        }
        let answer = request
            .config()
            .timeout_global(Some(left.min(ATTEMPT).max(Duration::from_millis(1))))
            .build()
            .send(self.body.as_slice());
        match answer {
            Ok(answer) => read_answer(answer, &self.url),
            Err(error) => from_error(&error, &self.url),
        }
    }
}

fn read_answer(mut answer: Response<ureq::Body>, url: &Uri) -> Outcome {
    let status = answer.status();
    let header = |name: &str| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let pause = header("retry-after")
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let location = header("location");
    let text = answer
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER)
        .read_to_string();
    let text = match text {
        Ok(text) => text,
        // Cut off: it may be in the log or not. The nonce makes it safe to ask.
        Err(error) => return from_error(&error, url),
    };
    let body: Option<Json> = serde_json::from_str(&text).ok();
    let is_object = body.as_ref().is_some_and(Json::is_object);
    match (status.as_u16(), body) {
        (202, Some(receipt)) if is_object => Outcome::Accepted(receipt),
        // 502 and 504 are a proxy's words for a relay that is just starting again.
        (429 | 502 | 503 | 504, body) => {
            let detail = body
                .as_ref()
                .and_then(|body| body["detail"].as_str())
                .unwrap_or("try later");
            Outcome::Again(format!("{status}, {detail}"), pause)
        }
        (300..=399, _) => {
            let to = location.unwrap_or_else(|| "somewhere else".to_owned());
            refused(format!(
                "{url} redirects to {to}: give --url the address that answers itself"
            ))
        }
        (200..=299, _) => refused(format!(
            "{url} answered {status} without a receipt: is it a relay?"
        )),
        (_, Some(problem)) if is_object => Outcome::Refused(problem),
        _ => refused(format!("{url} answered {status}: is it a relay?")),
    }
}

fn refused(detail: String) -> Outcome {
    Outcome::Refused(json!({ "code": "not_a_relay", "detail": detail }))
}

fn from_error(error: &ureq::Error, url: &Uri) -> Outcome {
    use ureq::Error as E;
    let detail = format!("{url}: {error}");
    match error {
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) => {
            Outcome::Again(detail, None)
        }
        // A certificate or a header does not get better by waiting.
        _ => Outcome::Refused(json!({ "code": "not_sent", "detail": detail })),
    }
}

/// Attempts until one is final, or the next would come after the deadline.
fn until(deadline: Instant, mut attempt: impl FnMut() -> Outcome) -> Outcome {
    let mut pause = FIRST_PAUSE;
    loop {
        let outcome = attempt();
        let Outcome::Again(_, wished) = &outcome else {
            return outcome;
        };
        let wait = wished.unwrap_or_default().max(jittered(pause));
        if Instant::now() + wait >= deadline {
            return outcome;
        }
        std::thread::sleep(wait);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
