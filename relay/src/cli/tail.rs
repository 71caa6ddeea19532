//! `forge-relay tail`: a session's events as they come, across lost connections and restarts.

use std::io::{BufReader, Write as _};
use std::time::Duration;

use clap::Args;
use forge_relay_core::message::{BYE, Bye, EVENT, READY, RESYNC, Ready, Resync};
use forge_relay_core::{Cursor, SessionId};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use ureq::Agent;
use ureq::http::{Response, StatusCode, Uri};

use super::client::{RelayArgs, agent, in_words, jittered, relay_url};
use super::event_stream::{self, Message};
use super::exit::Exit;
use super::output::{complain, note};
use super::secret::{SecretArgs, said};
use super::signals::Signals;

/// How long connecting may take, and how long a stream may say nothing: its comments come more often.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const LARGEST_PROBLEM: u64 = 1 << 20;
const LARGEST_TOKEN: u64 = 1 << 16;

#[derive(Args)]
#[command(after_help = "\
Examples:
  forge-relay tail abc-123
  forge-relay tail abc-123 --json | jq .payload
  forge-relay tail abc-123 --token-file token.txt --url https://relay.example.com
  forge-relay tail abc-123 --after 5f3a9c0017e2b4d6-7

It begins with the next event, or after --after, and goes on by itself where a connection ended, so that
no event is missed or printed twice. Where the relay no longer has what was missed, standard error says
`resync`, and it goes on from there.
It reads with a token (--token-file, RELAY_TOKEN) or else with the secret. A token lasts for minutes: its file
is read anew for each connection.
Exit codes: 0 ended by Ctrl-C or by who reads its output; 1 the relay refused it; 2 wrong usage.")]
pub(super) struct Tail {
    /// The session to follow
    #[arg(value_name = "SESSION")]
    session: String,
    /// Go on after this cursor [default: from the next event]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    relay: RelayArgs,
    #[command(flatten)]
    secret: SecretArgs,
    /// File that holds a token of the session [default: RELAY_TOKEN; without it, the secret]
    #[arg(long, value_name = "PATH", conflicts_with = "secret_file")]
    token_file: Option<String>,
    /// Print each event as one JSON object: its envelope
    #[arg(long)]
    json: bool,
}

impl Tail {
    pub(super) fn run(self) -> Exit {
        let follower = match self.prepare() {
            Ok(follower) => follower,
            Err(message) => {
                complain(message);
                return Exit::Usage;
            }
        };
        if let Err(message) = end_on_signal() {
            complain(message);
            return Exit::Failed;
        }
        follower.follow()
    }

    fn prepare(self) -> Result<Follower, String> {
        let session = SessionId::parse(&self.session).map_err(|e| format!("SESSION: {e}"))?;
        let place = match self.after {
            None => None,
            Some(text) => {
                let cursor: Cursor = text.trim().parse().map_err(|_| {
                    "--after: not a cursor; take it from an event, a receipt or a page as it stands there".to_owned()
                })?;
                Some(cursor.to_string())
            }
        };
        let bearer = match (self.token_file, said("RELAY_TOKEN")?) {
            (Some(path), _) => Bearer::TokenFile(path),
            (None, Some(token)) if !self.secret.names_file() => Bearer::Token(token),
            _ => Bearer::Secret(self.secret.bearer()?),
        };
        bearer.text()?;
        Ok(Follower {
            agent: agent()
                .timeout_connect(Some(CONNECT))
                .timeout_per_read(Some(SILENCE))
                .build()
                .new_agent(),
            url: relay_url(&self.relay.url, &format!("/sessions/{session}/events"))?,
            app: self.relay.app,
            bearer,
            json: self.json,
            place,
            pause: FIRST_PAUSE,
            connected_before: false,
        })
    }
}

/// Ctrl-C is how a tail ends: that is no failure.
fn end_on_signal() -> Result<(), String> {
    Signals::on_a_thread(|mut signals| async move {
        signals.next().await;
        std::process::exit(Exit::Done as i32);
    })
}

/// What the relay is shown.
enum Bearer {
    Secret(String),
    Token(String),
    TokenFile(String),
}

impl Bearer {
    fn text(&self) -> Result<String, String> {
        let path = match self {
            Self::Secret(text) | Self::Token(text) => return Ok(text.clone()),
            Self::TokenFile(path) => path,
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| {
                std::io::Read::read_to_string(
                    &mut std::io::Read::take(file, LARGEST_TOKEN),
                    &mut text,
                )
            })
            .map_err(|e| format!("--token-file: {path} cannot be read: {e}"))?;
        match text.trim() {
            "" => Err(format!(
                "--token-file: {path} is empty: put a token into it"
            )),
            token => Ok(token.to_owned()),
        }
    }

    /// Whether it may be another one next time.
    fn changes(&self) -> bool {
        matches!(self, Self::TokenFile(_))
    }
}

/// How one connection ended.
enum Ended {
    /// Nobody reads what is printed.
    Unread,
    /// For good.
    Refused(String),
    /// Try again: why, and when the relay wants it.
    Again(String, Option<Duration>),
}

struct Follower {
    agent: Agent,
    url: Uri,
    app: Option<String>,
    bearer: Bearer,
    json: bool,
    /// Where it is: the cursor of the last message that had one.
    place: Option<String>,
    /// Before the next attempt; doubles until one succeeds.
    pause: Duration,
    connected_before: bool,
}

impl Follower {
    fn follow(mut self) -> Exit {
        loop {
            match self.connect() {
                Ended::Unread => return Exit::Done,
                Ended::Refused(why) => {
                    complain(why);
                    return Exit::Failed;
                }
                Ended::Again(why, wish) => {
                    let wait = wish.unwrap_or_else(|| jittered(self.pause));
                    note(format_args!(
                        "{why}; connecting again in {:.1} s",
                        wait.as_secs_f32()
                    ));
                    std::thread::sleep(wait);
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn connect(&mut self) -> Ended {
        let bearer = match self.bearer.text() {
            Ok(bearer) => bearer,
            Err(why) => return Ended::Again(why, None), // it may be being written just now
        };
        let mut request = self
            .agent
            .get(&self.url)
            .header("accept", "text/event-stream")
            .header("authorization", format!("Bearer {bearer}"));
        if let Some(app) = &self.app {
            request = request.header("relay-app", app);
        }
        if let Some(place) = &self.place {
            request = request.header("last-event-id", place);
        }
        let answer = match request.call() {
            Ok(answer) => answer,
            Err(error) => return from_error(&error, &self.url),
        };
        let content_type = answer.headers().get("content-type");
        let is_stream = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        match answer.status() {
            StatusCode::OK if is_stream => self.read(answer),
            _ => refused(answer, &self.url, self.bearer.changes()),
        }
    }

    fn read(&mut self, answer: Response<ureq::Body>) -> Ended {
        let mut stream = BufReader::new(answer.into_body().into_reader());
        loop {
            let message = match event_stream::next(&mut stream) {
                Ok(Some(message)) => message,
                Ok(None) => return Ended::Again("the connection ended".to_owned(), None),
                Err(error) => return Ended::Again(format!("the connection broke: {error}"), None),
            };
            if let Some(ended) = self.hear(&message) {
                return ended;
            }
            if message.id.is_some() {
                self.place = message.id;
            }
        }
    }

    fn hear(&mut self, message: &Message) -> Option<Ended> {
        match message.name.as_str() {
            EVENT => {
                let line = if self.json {
                    message.data.clone()
                } else {
                    in_one_line(&message.data)
                };
                if writeln!(std::io::stdout().lock(), "{line}").is_err() {
                    return Some(Ended::Unread);
                }
            }
            READY => {
                self.pause = FIRST_PAUSE;
                if let Ok(ready) = serde_json::from_str::<Ready>(&message.data) {
                    self.connected(&ready);
                }
            }
            RESYNC => {
                if let Ok(Resync { reason, cursor }) = serde_json::from_str(&message.data) {
                    note(format_args!(
                        "resync, {reason}: events were missed; going on from {cursor}"
                    ));
                }
            }
            BYE => {
                let bye = serde_json::from_str::<Bye>(&message.data).ok()?;
                let why = format!("the relay says goodbye, {}: {}", bye.code, bye.reason);
                if !bye.reconnect {
                    return Some(Ended::Refused(why));
                }
                let wait = Duration::from_millis(bye.after_ms);
                return Some(Ended::Again(why, Some(wait).filter(|wait| !wait.is_zero())));
            }
            _ => {}
        }
        None
    }

    fn connected(&mut self, ready: &Ready) {
        if !self.connected_before {
            note(format_args!("following {}", ready.session_id));
        } else if ready.recovered {
            let missed = ready.replayed;
            note(format_args!(
                "connected again, {missed} missed events follow"
            ));
        } else {
            note("connected again");
        }
        self.connected_before = true;
    }
}

/// An event for people: `seq timestamp name payload`.
fn in_one_line(envelope: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Shown<'a> {
        seq: u64,
        event: String,
        #[serde(borrow)]
        payload: &'a RawValue,
        timestamp: String,
    }
    let text = match serde_json::from_str::<Shown<'_>>(envelope) {
        Ok(Shown {
            seq,
            event,
            payload,
            timestamp,
        }) => format!("{seq} {timestamp} {event} {payload}"),
        Err(_) => envelope.to_owned(),
    };
    without_control(text)
}

/// JSON may hold control characters that drive a terminal.
fn without_control(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// An answer that is no stream.
fn refused(mut answer: Response<ureq::Body>, url: &Uri, bearer_changes: bool) -> Ended {
    let status = answer.status();
    let header = |name: &str| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let wish = header("retry-after")
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let location = header("location");
    let body = answer
        .body_mut()
        .with_config()
        .limit(LARGEST_PROBLEM)
        .read_to_string()
        .unwrap_or_default();
    let problem: Json = serde_json::from_str(&body).unwrap_or_default();
    let is_problem = problem["code"].is_string();
    match status.as_u16() {
        // 502 and 504 are a proxy's words for a relay that is just starting again.
        408 | 429 | 500 | 502 | 503 | 504 => {
            let detail = problem["detail"].as_str().unwrap_or("try later");
            Ended::Again(format!("{status}, {detail}"), wish)
        }
        401 if bearer_changes && problem["code"] == "token_expired" => Ended::Again(
            "the token in --token-file has expired: put a new one there".to_owned(),
            None,
        ),
        300..=399 => {
            let to = location.unwrap_or_else(|| "somewhere else".to_owned());
            Ended::Refused(format!(
                "{url} redirects to {to}: give --url the address that answers itself"
            ))
        }
        _ if is_problem => Ended::Refused(in_words(&problem)),
        _ => Ended::Refused(format!(
            "{url} answered {status} without a stream: is it a relay?"
        )),
    }
}

fn from_error(error: &ureq::Error, url: &Uri) -> Ended {
    use ureq::Error as E;
    let why = format!("{url}: {error}");
    match error {
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) => {
            Ended::Again(why, None)
        }
        // A certificate or a header does not get better by waiting.
        _ => Ended::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_cannot_drive_the_terminal() {
        let envelope = "{\"id\":\"x\",\"sessionId\":\"s\",\"seq\":7,\"cursor\":\"c\",\"event\":\"vote.cast\",\
                        \"payload\":{\"a\":\"\u{9b}31m\"},\"timestamp\":\"2024-05-01T10:00:00Z\"}";
        assert_eq!(
            in_one_line(envelope),
            r#"7 2024-05-01T10:00:00Z vote.cast {"a":"\u009b31m"}"#
        );
    }
}
