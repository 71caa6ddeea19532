//! vectors/subscription.json: scripts that every face of the state machine runs to the same end.
//!
//! To add a script, or after a change that is meant: write `at` and `call` of its steps, run this test with
//! `UPDATE_VECTORS=1`, and read the difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use forge_relay_core::subscription::{Options, Transport, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::input::Input;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/subscription.json");

const DESCRIPTION: &str = "A script makes a subscription with `seed`, `transports` (by their names, best first; none for \
the default) and `cursor`, and then calls its methods. `call` is the method's name and its arguments after `now`, which is \
`at`, in milliseconds; an absent optional argument is null. After each call: `actions` are all that nextAction gives, in \
order; `deliver` is what `event` answers; `wakeAt` and `cursor` are those of the subscription, null for none.";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    scripts: Vec<Script>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    seed: u64,
    transports: Vec<String>,
    cursor: Option<String>,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Step {
    at: u64,
    /// The name of the method, and its arguments after `now`.
    call: Vec<Value>,
    deliver: Option<bool>,
    wake_at: Option<u64>,
    cursor: Option<String>,
    #[serde(default)]
    actions: Vec<Value>,
}

impl Step {
    fn input(&self) -> Input {
        let (name, args) = self.call.split_first().expect("a name");
        let input = match args {
            [] => name.clone(),
            [arg] => json!({ name.as_str().unwrap(): arg }),
            args => json!({ name.as_str().unwrap(): args }),
        };
        serde_json::from_value(input).unwrap_or_else(|error| panic!("{:?}: {error}", self.call))
    }
}

/// One line for each step and each of its actions, so that a difference is easy to read.
struct Text(String);

impl Text {
    fn step(&mut self, step: &Step, actions: &[String]) {
        let Step { at, call, .. } = step;
        let call = serde_json::to_string(call).unwrap();
        write!(self.0, r#"        {{ "at": {at}, "call": {call}"#).unwrap();
        if let Some(deliver) = step.deliver {
            write!(self.0, r#", "deliver": {deliver}"#).unwrap();
        }
        let (wake_at, cursor) = (json!(step.wake_at), json!(step.cursor));
        let lines = actions.join(",\n          ");
        let lines = match actions {
            [] => String::new(),
            _ => format!("\n          {lines}\n        "),
        };
        write!(
            self.0,
            r#", "wakeAt": {wake_at}, "cursor": {cursor}, "actions": [{lines}] }}"#
        )
        .unwrap();
    }
}

/// What the script's calls lead to, as steps and as the text of them.
fn run(script: &Script, text: &mut Text) -> Vec<Step> {
    let transports = script.transports.iter();
    let transports = transports.map(|name| Transport::parse(name).expect("a transport"));
    let options = Options {
        transports: transports.collect(),
        cursor: script.cursor.as_ref().map(|text| text.parse().unwrap()),
        ..Options::default()
    };
    let mut client = Client::new(options, script.seed);
    let mut steps = Vec::new();
    for step in &script.steps {
        client.now = step.at;
        let told = client.tell(step.input());
        let actions = told.actions.iter();
        let lines: Vec<String> = actions
            .map(|it| serde_json::to_string(it).unwrap())
            .collect();
        let done = Step {
            at: step.at,
            call: step.call.clone(),
            deliver: told.verdict.map(|it| it == Verdict::Deliver),
            wake_at: client.machine.wake_at(),
            cursor: client.machine.cursor().map(|cursor| cursor.to_string()),
            actions: lines
                .iter()
                .map(|it| serde_json::from_str(it).unwrap())
                .collect(),
        };
        if !steps.is_empty() {
            text.0.push_str(",\n");
        }
        text.step(&done, &lines);
        steps.push(done);
    }
    steps
}

#[test]
fn every_script_runs_to_the_same_end() {
    let file: File = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    let mut text = Text(format!(
        "{{\n  \"description\": {},\n  \"scripts\": [\n",
        json!(DESCRIPTION)
    ));
    let updates = std::env::var_os("UPDATE_VECTORS").is_some();
    for (index, script) in file.scripts.iter().enumerate() {
        let separator = if index > 0 { ",\n" } else { "" };
        let head = format!(
            "{separator}    {{\n      \"name\": {},\n      \"seed\": {},\n      \"transports\": {},\n      \
             \"cursor\": {},\n      \"steps\": [\n",
            json!(script.name),
            script.seed,
            json!(script.transports),
            json!(script.cursor),
        );
        text.0.push_str(&head);
        let steps = run(script, &mut text);
        text.0.push_str("\n      ]\n    }");
        if !updates {
            for (done, expected) in steps.iter().zip(&script.steps) {
                assert_eq!(done, expected, "{}", script.name);
            }
        }
    }
    text.0.push_str("\n  ]\n}\n");
    if updates {
        std::fs::write(PATH, text.0).unwrap();
    } else {
        assert_eq!(file.description, DESCRIPTION);
    }
}

#[test]
fn the_scripts_hold_every_call_every_action_and_every_status() {
    let file: File = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    let (mut calls, mut actions) = (BTreeSet::new(), BTreeSet::new());
    let (mut states, mut opened) = (BTreeSet::new(), BTreeSet::new());
    let word = |value: &Value| value.as_str().map(str::to_owned);
    for step in file.scripts.iter().flat_map(|script| &script.steps) {
        calls.extend(word(&step.call[0]));
        for action in &step.actions {
            actions.extend(word(&action["do"]));
            states.extend(word(&action["state"]));
            opened.extend(word(&action["transport"]).filter(|_| action["do"] == "open"));
        }
    }
    let all = "bye close event expiring heard lost network opened page ready refreshRefused refreshed \
               refused resync start token tokenFailed visible wake";
    assert_eq!(calls.into_iter().collect::<Vec<_>>().join(" "), all);
    let all = "close fetchToken open readPage refresh resync status";
    assert_eq!(actions.into_iter().collect::<Vec<_>>().join(" "), all);
    let all = "catching-up closed connecting denied live offline";
    assert_eq!(states.into_iter().collect::<Vec<_>>().join(" "), all);
    let all = "pages sse websocket";
    assert_eq!(opened.into_iter().collect::<Vec<_>>().join(" "), all);
}
