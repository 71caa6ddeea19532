//! `forge-relay tail`, as it is used: the real binary, across the end of connections and of the relay.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::harness::process::command;
use crate::harness::{EventText, Relay, now, within};

struct Tail {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Tail {
    fn start(url: &str, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let words = [&["tail", "--url", url], words].concat();
        let mut child = command(&words, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            out: BufReader::new(child.stdout.take().unwrap()).lines(),
            err: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    async fn line(&mut self) -> String {
        let line = within("a line of the tail", self.out.next_line()).await;
        line.unwrap().expect("the tail goes on")
    }

    /// The next line of standard error that has this in it.
    async fn notes(&mut self, text: &str) -> String {
        within(text, async {
            loop {
                let line = self.err.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended without {text}"));
                if line.contains(text) {
                    return line;
                }
            }
        })
        .await
    }

    async fn expect_numbers(&mut self, from: u64, to: u64) {
        for n in from..=to {
            let envelope: Value = serde_json::from_str(&self.line().await).unwrap();
            assert_eq!(envelope["payload"]["n"], n, "{envelope}");
        }
    }

    async fn ended(&mut self) -> Option<i32> {
        within("the tail to end", self.child.wait())
            .await
            .unwrap()
            .code()
    }
}

/// A token that ended so many seconds ago.
fn expired(relay: &Relay, seconds: i64) -> String {
    let end = now() - seconds;
    let token = relay.app.token_text("alice", "s");
    token
        .with("iat", end - 100)
        .with("exp", end)
        .signed(&relay.app.key())
}

#[tokio::test]
async fn events_are_printed_as_they_come_and_ctrl_c_ends_with_0() {
    let relay = Relay::start();
    let secret = [("RELAY_SECRET", &*relay.app.secret)];
    let mut people = Tail::start(&relay.url(), &["s"], &secret);
    let mut machines = Tail::start(&relay.url(), &["s", "--json"], &secret);
    people.notes("following s").await;
    machines.notes("following s").await;
    let event = EventText::numbered("s", 7);
    let receipt = relay.publish(&event).await;
    let line = people.line().await;
    let timestamp = event.0["timestamp"].as_str().unwrap();
    assert_eq!(line, format!("1 {timestamp} vote.cast {{\"n\":7}}"));
    let envelope: Value = serde_json::from_str(&machines.line().await).unwrap();
    assert_eq!(
        (&envelope["id"], &envelope["cursor"]),
        (&receipt.id.into(), &receipt.cursor.into())
    );

    let id = people.child.id().unwrap().to_string();
    let killed = Command::new("kill")
        .args(["-s", "INT", &id])
        .status()
        .await
        .unwrap();
    assert!(killed.success());
    assert_eq!(people.ended().await, Some(0));
}

#[tokio::test]
async fn a_lost_connection_loses_no_event() {
    let relay = Relay::start();
    let middle = crate::harness::middle::Middle::before(relay.address).await;
    let secret = [("RELAY_SECRET", &*relay.app.secret)];
    let mut tail = Tail::start(&middle.url(), &["s", "--json"], &secret);
    tail.notes("following s").await;
    relay.publish_range("s", 1, 3).await;
    tail.expect_numbers(1, 3).await;
    for round in 0..3 {
        middle.hang_up();
        let from = 4 + round * 100;
        relay.publish_range("s", from, from + 99).await;
        tail.expect_numbers(from, from + 99).await;
        tail.notes("connected again").await;
    }
}

#[tokio::test]
async fn a_relay_that_is_started_anew_is_found_and_the_resync_is_told() {
    let mut relay = Relay::with("limits.drain = \"100ms\"");
    let secret = [("RELAY_SECRET", &*relay.app.secret)];
    let mut tail = Tail::start(&relay.url(), &["s", "--json"], &secret);
    tail.notes("following s").await;
    relay.publish_range("s", 1, 2).await;
    tail.expect_numbers(1, 2).await;
    let address = relay.address;
    relay.stop();
    tail.notes("goodbye, draining").await;
    relay.ended().await.unwrap();
    drop(relay);
    let relay = Relay::at(address);
    tail.notes("resync, epoch_changed").await;
    relay.publish_range("s", 3, 4).await;
    tail.expect_numbers(3, 4).await;
}

#[tokio::test]
async fn it_goes_on_after_a_cursor_and_reads_with_a_token() {
    let relay = Relay::start();
    let receipts = relay.publish_range("s", 1, 5).await;
    let token = relay.app.token("alice", "s");
    let after = ["s", "--json", "--after", &*receipts[1].cursor];
    let mut tail = Tail::start(&relay.url(), &after, &[("RELAY_TOKEN", &token)]);
    tail.expect_numbers(3, 5).await;

    let file = tempfile::NamedTempFile::new().unwrap();
    let short = expired(&relay, 8);
    std::fs::write(file.path(), format!("{short}\n")).unwrap();
    let path = file.path().to_str().unwrap();
    let words = [&after[..], &["--token-file", path]].concat();
    let mut tail = Tail::start(&relay.url(), &words, &[]);
    tail.expect_numbers(3, 5).await;
    tail.notes("goodbye, token_expired").await;
    tail.notes("has expired").await;
    std::fs::write(file.path(), relay.app.token("alice", "s")).unwrap();
    tail.notes("connected again").await;
    relay.publish_range("s", 6, 6).await;
    tail.expect_numbers(6, 6).await;
}

#[tokio::test]
async fn what_is_refused_for_good_ends_with_1_and_wrong_usage_with_2() {
    let relay = Relay::start();
    let secret = relay.app.secret.clone();
    let other = relay.app.token("alice", "other");
    let expired = expired(&relay, 60);
    let unused = Relay::start().url();
    for (url, words, variables, code, says) in [
        (
            relay.url(),
            &["s"][..],
            vec![("RELAY_TOKEN", &*other)],
            1,
            "session_mismatch",
        ),
        (
            relay.url(),
            &["s"],
            vec![("RELAY_TOKEN", &*expired)],
            1,
            "token_expired",
        ),
        (
            format!("{}/docs", relay.url()),
            &["s"],
            vec![("RELAY_SECRET", &*secret)],
            1,
            "not_found",
        ),
        (
            relay.url(),
            &["a b"],
            vec![("RELAY_SECRET", &*secret)],
            2,
            "SESSION",
        ),
        (
            relay.url(),
            &["s", "--after", "x"],
            vec![("RELAY_SECRET", &*secret)],
            2,
            "--after",
        ),
        (relay.url(), &["s"], vec![], 2, "no secret"),
        (
            unused,
            &["s", "--token-file", "/nothing/here"],
            vec![],
            2,
            "--token-file",
        ),
    ] {
        let mut tail = Tail::start(&url, words, &variables);
        tail.notes(says).await;
        assert_eq!(tail.ended().await, Some(code), "{says}");
    }
}
