//! The command line as scripts and operators meet it: the real binary, its exit codes, both its streams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use forge_relay_core::{Key, KeyRing, signature};
use serde_json::{Value as Json, json};

const SECRET: &str = "a-secret-for-tests-of-at-least-32-bytes";
const OTHER: &str = "another-secret-for-tests-of-at-least-32-bytes";
/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, in an empty folder of its own and with nothing of this process's environment.
struct Run {
    command: Command,
    folder: PathBuf,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn relay(test: &str, args: &[&str]) -> Run {
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
    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.join(name), text).unwrap();
        self
    }

    fn ran(self) -> Ran {
        self.with_input("")
    }

    fn with_input(mut self, input: &str) -> Ran {
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
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }

    #[track_caller]
    fn hides(self, secret: &str) -> Self {
        assert!(!self.out.contains(secret), "out: {}", self.out);
        assert!(!self.err.contains(secret), "err: {}", self.err);
        self
    }
}

#[test]
fn help_of_every_command_has_examples() {
    let commands: [&[&str]; 8] = [
        &[],
        &["serve"],
        &["publish"],
        &["token", "mint"],
        &["token", "check"],
        &["keys", "new"],
        &["config", "check"],
        &["config", "show"],
    ];
    for command in commands {
        let args = [command, &["--help"]].concat();
        let ran = relay("help", &args)
            .env("RELAY_SECRET", SECRET)
            .ran()
            .ended(0)
            .hides(SECRET);
        assert!(ran.out.contains("Examples:"), "{args:?}: {}", ran.out);
    }
    let version = relay("help", &["--version"]).ran().ended(0);
    assert_eq!(
        version.out,
        format!("forge-relay {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_ends_with_2_and_prints_nothing_on_standard_output() {
    let wrong: [&[&str]; 5] = [
        &[],
        &["server"],
        &["serve", "--prot", "1"],
        &["token", "mint"],
        &["publish", "1"],
    ];
    for args in wrong {
        let ran = relay("usage", args).ran().ended(2);
        assert_eq!(ran.out, "", "{args:?}");
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    for command in ["serve", "publish"] {
        let argument = format!("--secret={SECRET}");
        relay("argv", &[command, &argument])
            .ran()
            .ended(2)
            .hides(SECRET);
    }
}

#[test]
fn keys_new_prints_a_secret_that_is_a_key_and_its_id() {
    let ran = relay("keys", &["keys", "new"]).ran().ended(0);
    let secret = ran.out.trim_end();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let key = Key::parse(secret).unwrap();
    assert_eq!(key.length(), 32);
    assert_eq!(ran.err, format!("key id {}\n", key.id()));

    let ran = relay("keys", &["keys", "new", "--json"]).ran().ended(0);
    let answer = ran.json();
    let other = Key::parse(answer["secret"].as_str().unwrap()).unwrap();
    assert_eq!(answer["id"], other.id());
    assert_ne!(other.id(), key.id());
    assert_eq!(ran.err, "");
}

#[test]
fn serve_and_check_refuse_a_missing_or_weak_secret_and_say_how_to_make_one() {
    for command in [&["serve"][..], &["config", "check"]] {
        let ran = relay("weak", command).ran().ended(2);
        assert_eq!(
            ran.err,
            "forge-relay: the configuration has a problem:\n  no secret is set: set RELAY_SECRET or \
             RELAY_SECRET_FILE; `forge-relay keys new` makes one\n"
        );
        let ran = relay("weak", command)
            .env("RELAY_SECRET", "hunter2")
            .ran()
            .ended(2)
            .hides("hunter2");
        assert!(
            ran.err
                .contains("RELAY_SECRET: the secret is too weak: it has 7 bytes and needs 32"),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains("`forge-relay keys new` makes one"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn every_problem_is_listed_at_once_with_its_place_and_exit_code_2() {
    let toml = "bnid = '127.0.0.1:1'\n[limits]\npayload = 64\n";
    let run = |json: &[&str]| {
        let args = [&["config", "check", "--bind", "8080"], json].concat();
        relay("problems", &args)
            .file("forge-relay.toml", toml)
            .env("RELAY_SECRET", "short")
            .env("RELAY_LIMITS_LOG_AGE", "10")
            .env("RELAY_SECERT", SECRET)
            .ran()
            .ended(2)
            .hides(SECRET)
    };
    let ran = run(&[]);
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.err,
        "forge-relay: the configuration has 5 problems:\
         \n  forge-relay.toml:1: bnid: there is no such key: did you mean bind?\
         \n  forge-relay.toml:3: limits.payload: 64 has no unit: write it with one, such as 64KiB\
         \n  RELAY_LIMITS_LOG_AGE: 10 has no unit: write it with one, such as 10s\
         \n  RELAY_SECRET: the secret is too weak: it has 5 bytes and needs 32; `forge-relay keys new` makes one\
         \n  --bind: \"8080\" is not an IP address and port: write such as 0.0.0.0:8080\
         \n  warning: RELAY_SECERT: no key has this variable, it is ignored: did you mean RELAY_SECRET?\n"
    );
    let answer = run(&["--json"]).json();
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["problems"].as_array().unwrap().len(), 5);
    assert_eq!(
        answer["problems"][1],
        json!({
            "key": "limits.payload",
            "source": "forge-relay.toml:3",
            "message": "64 has no unit: write it with one, such as 64KiB",
        })
    );
    assert_eq!(answer["warnings"][0]["source"], "RELAY_SECERT");
}

#[test]
fn an_unknown_variable_is_only_a_warning() {
    let ran = relay("kubernetes", &["config", "check"])
        .env("RELAY_SECRET", SECRET)
        .env("RELAY_PORT_8080_TCP", "tcp://10.0.0.1:8080")
        .ran()
        .ended(0);
    assert_eq!(
        ran.out,
        "the configuration is fine: 1 app (default), listening on 0.0.0.0:8080\n"
    );
    assert_eq!(
        ran.err,
        "warning: RELAY_PORT_8080_TCP: no key has this variable, it is ignored\n"
    );
}

#[test]
fn flags_win_over_variables_over_the_file_over_the_default() {
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let args = [&["config", "show", "--json"], args].concat();
        let run = relay("layers", &args)
            .file("forge-relay.toml", "bind = '127.0.0.1:1'\nlog = 'warn'\n")
            .file("other.toml", "bind = '127.0.0.1:4'\n")
            .env("RELAY_SECRET", SECRET);
        let run = variables
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        run.ran().ended(0).hides(SECRET).json()
    };
    let bind = |shown: &Json| {
        (
            shown["bind"]["value"].clone(),
            shown["bind"]["source"].clone(),
        )
    };
    let said = |value: &str, source: &str| (json!(value), json!(source));

    let file = shown(&[], &[]);
    assert_eq!(bind(&file), said("127.0.0.1:1", "forge-relay.toml:1"));
    assert_eq!(
        file["log"],
        json!({ "value": "warn", "source": "forge-relay.toml:2" })
    );
    assert_eq!(
        file["limits"]["payload"],
        json!({ "value": "64KiB", "source": "default" })
    );
    assert_eq!(
        file["secret"]["keyIds"],
        json!([Key::parse(SECRET).unwrap().id()])
    );

    let variable = [("RELAY_BIND", "127.0.0.1:2")];
    assert_eq!(
        bind(&shown(&[], &variable)),
        said("127.0.0.1:2", "RELAY_BIND")
    );
    assert_eq!(
        bind(&shown(&["--bind", "127.0.0.1:3"], &variable)),
        said("127.0.0.1:3", "--bind")
    );

    let named = [("RELAY_CONFIG", "other.toml")];
    assert_eq!(
        bind(&shown(&[], &named)),
        said("127.0.0.1:4", "other.toml:1")
    );
    assert_eq!(
        bind(&shown(&["--config", "forge-relay.toml"], &named)),
        said("127.0.0.1:1", "forge-relay.toml:1")
    );
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let ran = relay("nofile", &["config", "check", "--config", "none.toml"])
        .env("RELAY_SECRET", SECRET)
        .ran()
        .ended(2);
    assert!(
        ran.err.contains("--config: none.toml cannot be read"),
        "{}",
        ran.err
    );
    let ran = relay("nofile", &["serve"])
        .env("RELAY_SECRET", SECRET)
        .env("RELAY_CONFIG", "none.toml")
        .ran()
        .ended(2);
    assert!(
        ran.err.contains("RELAY_CONFIG: none.toml cannot be read"),
        "{}",
        ran.err
    );
}

#[test]
fn what_show_prints_is_a_configuration_again() {
    let toml = format!(
        "trusted_proxies = ['10.0.0.0/8']\n[limits]\ndrain = '3s'\n[[apps]]\nid = 'poker'\nsecret = '{SECRET}'\n"
    );
    let shown = relay("again", &["config", "show"])
        .file("forge-relay.toml", &toml)
        .ran()
        .ended(0)
        .hides(SECRET);
    assert!(shown.out.contains("# forge-relay.toml:3"), "{}", shown.out);
    let again = relay("again", &["config", "show", "--config", "shown.toml"])
        .file("shown.toml", &shown.out)
        .env("RELAY_APPS_POKER_SECRET", SECRET)
        .ran()
        .ended(0);
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| {
            line.split("  #")
                .next()
                .unwrap_or_default()
                .trim_end()
                .to_owned()
        };
        text.lines().map(value).collect()
    };
    assert_eq!(values(&shown.out), values(&again.out));
}

#[test]
fn secrets_come_from_files_too() {
    let ran = relay("files", &["config", "show", "--json"])
        .file("events", &format!("{SECRET}\n{OTHER}\n"))
        .file("tokens", OTHER)
        .env("RELAY_SECRET_FILE", "events")
        .env("RELAY_TOKEN_SECRET_FILE", "tokens")
        .ran()
        .ended(0)
        .hides(SECRET)
        .hides(OTHER)
        .json();
    let [first, second] = [SECRET, OTHER].map(|secret| Key::parse(secret).unwrap().id().to_owned());
    assert_eq!(ran["secret"]["keyIds"], json!([first, second]));
    assert_eq!(ran["token_secret"]["keyIds"], json!([second]));
}

#[test]
fn a_secret_in_place_of_its_files_path_is_not_shown() {
    for args in [
        &["serve"][..],
        &["token", "mint", "--account", "a", "--session", "s"],
    ] {
        let ran = relay("path", args)
            .env("RELAY_SECRET_FILE", SECRET)
            .ran()
            .ended(2)
            .hides(SECRET);
        assert!(
            ran.err
                .contains("RELAY_SECRET_FILE: the file that it names cannot be read"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_minted_token_checks_and_a_strangers_does_not() {
    let mint = [
        "token",
        "mint",
        "--account",
        "acct-1",
        "--session",
        "abc-123",
        "--expires-in",
        "60s",
    ];
    let ran = relay("token", &mint)
        .env("RELAY_SECRET", SECRET)
        .ran()
        .ended(0)
        .hides(SECRET);
    let token = ran.out.trim_end().to_owned();
    assert_eq!(token.split('.').count(), 3);

    let check = |secret: &str, args: &[&str], input: &str| {
        let args = [&["token", "check", "--json"], args].concat();
        relay("token", &args)
            .env("RELAY_SECRET", secret)
            .with_input(input)
    };
    let id = Key::parse(SECRET).unwrap().id().to_owned();
    for ran in [
        check(SECRET, &[&token], ""),
        check(SECRET, &["-"], &format!("{token}\n")),
    ] {
        let answer = ran.ended(0).json();
        assert_eq!(answer["valid"], true);
        assert_eq!(answer["keyId"], id.as_str());
        assert_eq!(answer["claims"]["sub"], "acct-1");
        assert_eq!(answer["claims"]["sessionId"], "abc-123");
        assert_eq!(
            answer["claims"]["exp"].as_i64().unwrap() - answer["claims"]["iat"].as_i64().unwrap(),
            60
        );
    }
    // In a rotation, the key that signed is found among the others.
    let answer = check(&format!("{OTHER} {SECRET}"), &[&token], "")
        .ended(0)
        .json();
    assert_eq!(answer["keyId"], id.as_str());

    let answer = check(OTHER, &[&token], "").ended(1).json();
    assert_eq!(answer["valid"], false);
    assert_eq!(answer["code"], "token_invalid");
    assert_eq!(answer["keyId"], Json::Null);
    assert_eq!(
        answer["claims"]["sub"], "acct-1",
        "what it says is shown, to find out why"
    );
    assert_eq!(
        check(SECRET, &["garbage"], "").ended(1).json()["code"],
        "token_invalid"
    );
    assert_eq!(
        check(SECRET, &[&token, "--app", "poker"], "")
            .ended(1)
            .json()["code"],
        "token_invalid"
    );

    let ran = relay("token", &["token", "check", &token])
        .env("RELAY_SECRET", SECRET)
        .ran()
        .ended(0);
    assert!(ran.out.starts_with("valid for another "), "{}", ran.out);
    assert!(
        ran.out.contains(&format!("signed with key {id}")),
        "{}",
        ran.out
    );
}

#[test]
fn the_token_secret_signs_tokens_where_there_is_one() {
    let mint = [
        "token",
        "mint",
        "--account",
        "a",
        "--session",
        "s",
        "--app",
        "poker",
        "--json",
    ];
    let ran = relay("token2", &mint)
        .env("RELAY_SECRET", SECRET)
        .env("RELAY_TOKEN_SECRET", OTHER)
        .ran()
        .ended(0);
    assert_eq!(ran.err, "");
    let answer = ran.json();
    assert!(answer["expiresAt"].is_i64());
    let token = answer["token"].as_str().unwrap();
    let check = relay(
        "token2",
        &["token", "check", token, "--app", "poker", "--json"],
    )
    .env("RELAY_SECRET", OTHER)
    .ran()
    .ended(0)
    .json();
    assert_eq!(check["claims"]["iss"], "poker");
}

#[test]
fn what_cannot_be_minted_is_told() {
    for (args, message) in [
        (
            ["--account", "a", "--session", "a b", "--expires-in", "60s"],
            "--session: ",
        ),
        (
            ["--account", "a", "--session", "s", "--expires-in", "60"],
            "--expires-in: 60 has no unit",
        ),
        (
            ["--account", "a", "--session", "s", "--expires-in", "1h"],
            "expires_in must be 1 to 300 seconds",
        ),
        (
            ["--account", "", "--session", "s", "--expires-in", "60s"],
            "account id",
        ),
    ] {
        let args = [&["token", "mint"][..], &args].concat();
        let ran = relay("mint", &args)
            .env("RELAY_SECRET", SECRET)
            .ran()
            .ended(2);
        assert!(ran.err.contains(message), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
    let ran = relay(
        "mint",
        &["token", "mint", "--account", "a", "--session", "s"],
    )
    .ran()
    .ended(2);
    assert!(
        ran.err
            .contains("no secret: set RELAY_SECRET or RELAY_SECRET_FILE"),
        "{}",
        ran.err
    );
}

#[test]
fn openapi_prints_a_document() {
    let document = relay("openapi", &["openapi"]).ran().ended(0).json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{document}"
    );
}

/// One request as a relay gets it.
struct Got {
    head: String,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A relay that gives these answers, one a connection, and tells what it was asked; `None` hangs up.
fn scripted(answers: Vec<Option<&'static str>>) -> (String, mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
            }
            let mut got = Got {
                head,
                body: Vec::new(),
            };
            let length = got.header("content-length").unwrap().parse().unwrap();
            got.body.resize(length, 0);
            stream.read_exact(&mut got.body).unwrap();
            let _ = tell.send(got);
            if let Some(answer) = answer {
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, told)
}

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"id\":\"1\",\"sessionId\":\"abc\",\"seq\":7,\"cursor\":\"00000000000000a1-7\",\"duplicate\":false}";
const CUT: &str =
    "HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n{\"id\"";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const MUCH_LATER: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 422 Unprocessable Content\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
    {\"code\":\"invalid\",\"detail\":\"the event breaks the rules\",\"requestId\":\"r-1\",\
     \"errors\":[{\"field\":\"/event\",\"code\":\"reserved\",\"message\":\"relay. is reserved\"}]}";
const MOVED: &str = "HTTP/1.1 301 Moved Permanently\r\nlocation: https://elsewhere.example/events\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn publish(url: &str, args: &[&str]) -> Run {
    let args = [
        &[
            "publish",
            "--session",
            "abc",
            "--event",
            "vote.cast",
            "--url",
            url,
        ],
        args,
    ]
    .concat();
    relay("publish", &args).env("RELAY_SECRET", SECRET)
}

fn verified(got: &Got) -> Json {
    let ring = KeyRing::parse(SECRET).unwrap();
    let timestamp = got.header("webhook-timestamp").unwrap();
    let headers = signature::Headers {
        id: got.header("webhook-id"),
        timestamp: Some(timestamp),
        signature: got.header("webhook-signature"),
    };
    let now = timestamp.parse().unwrap();
    signature::verify(&ring, headers, &got.body, now, 0).unwrap();
    serde_json::from_slice(&got.body).unwrap()
}

#[test]
fn publish_signs_and_prints_the_receipt() {
    let (url, told) = scripted(vec![Some(ACCEPTED)]);
    let ran = publish(
        &url,
        &[
            "{\"value\": 1.50}",
            "--app",
            "poker",
            "--nonce",
            "n-1",
            "--json",
        ],
    )
    .ran()
    .ended(0)
    .hides(SECRET);
    assert_eq!(ran.json()["seq"], 7);
    let got = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        got.head.starts_with("POST /events HTTP/1.1"),
        "{}",
        got.head
    );
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("relay-app"), Some("poker"));
    let event = verified(&got);
    assert_eq!(event["sessionId"], "abc");
    assert_eq!(event["event"], "vote.cast");
    assert_eq!(event["nonce"], "n-1");
    assert!(
        String::from_utf8(got.body).unwrap().contains("1.50"),
        "numbers stay as written"
    );
    forge_relay_core::Timestamp::parse(event["timestamp"].as_str().unwrap()).unwrap();
}

#[test]
fn publish_tries_again_with_the_same_nonce_and_ends_with_one_receipt() {
    let (url, told) = scripted(vec![None, Some(BUSY), Some(CUT), Some(ACCEPTED)]);
    let ran = publish(&url, &["1"]).ran().ended(0);
    assert_eq!(ran.out, "published: seq 7, cursor 00000000000000a1-7\n");
    let events: Vec<_> = (0..4)
        .map(|_| verified(&told.recv_timeout(PATIENCE).unwrap()))
        .collect();
    assert!(events.iter().all(|event| *event == events[0]));
}

#[test]
fn publish_reads_the_payload_from_a_file_or_standard_input() {
    let (url, told) = scripted(vec![Some(ACCEPTED), Some(ACCEPTED)]);
    publish(&url, &["@payload.json"])
        .file("payload.json", "{\"from\": \"file\"}\n")
        .ran()
        .ended(0);
    publish(&url, &["-"])
        .with_input("[\"from\", \"input\"]\n")
        .ended(0);
    assert_eq!(
        verified(&told.recv_timeout(PATIENCE).unwrap())["payload"],
        json!({ "from": "file" })
    );
    assert_eq!(
        verified(&told.recv_timeout(PATIENCE).unwrap())["payload"],
        json!(["from", "input"])
    );
}

#[test]
fn publish_ends_with_1_when_refused_and_says_every_wrong_field() {
    let (url, _told) = scripted(vec![Some(REFUSED), Some(REFUSED), Some(MOVED)]);
    let ran = publish(&url, &["1"]).ran().ended(1);
    assert_eq!(
        ran.err,
        "forge-relay: refused, invalid: the event breaks the rules\n  /event: relay. is reserved\n  request r-1\n"
    );
    assert_eq!(
        publish(&url, &["1", "--json"]).ran().ended(1).json()["errors"][0]["field"],
        "/event"
    );
    let ran = publish(&url, &["1"]).ran().ended(1);
    assert!(
        ran.err
            .contains("redirects to https://elsewhere.example/events"),
        "{}",
        ran.err
    );
}

#[test]
fn publish_ends_with_3_and_its_nonce_when_time_is_up() {
    let begun = Instant::now();
    let (url, _told) = scripted(vec![Some(MUCH_LATER)]);
    let ran = publish(&url, &["1", "--nonce", "n-1", "--json"])
        .ran()
        .ended(3);
    assert_eq!(ran.json()["code"], "not_accepted_in_time");
    assert_eq!(ran.json()["nonce"], "n-1");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "it does not wait for what comes too late"
    );

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = publish(
        &format!("http://{free}"),
        &["1", "--nonce", "n-2", "--deadline", "500ms"],
    )
    .ran()
    .ended(3);
    assert!(ran.err.contains("--nonce n-2"), "{}", ran.err);
}

#[test]
fn publish_refuses_what_it_cannot_send() {
    for (args, message) in [
        (vec!["hello"], "the payload is not JSON"),
        (
            vec!["@none.json"],
            "the payload cannot be read from @none.json",
        ),
        (vec!["1", "--deadline", "5"], "--deadline: 5 has no unit"),
    ] {
        let ran = publish("http://127.0.0.1:9", &args).ran().ended(2);
        assert!(ran.err.contains(message), "{}", ran.err);
    }
    for url in ["ftp://relay.example", "relay.example", "http://"] {
        let ran = publish(url, &["1"]).ran().ended(2);
        assert!(ran.err.contains("--url: "), "{url}: {}", ran.err);
    }
}

/// A relay on a free port, and the lines it logs.
#[cfg(unix)]
struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
    address: String,
}

#[cfg(unix)]
fn serve(test: &str, args: &[&str]) -> Serving {
    let mut run = relay(test, &[&["serve", "--bind", "127.0.0.1:0"], args].concat())
        .env("RELAY_SECRET", SECRET);
    let mut child = run.command.stderr(Stdio::piped()).spawn().unwrap();
    let (tell, lines) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        stderr
            .lines()
            .map_while(Result::ok)
            .for_each(|line| drop(tell.send(line)));
    });
    let listening = lines.recv_timeout(PATIENCE).unwrap();
    let listening: Json =
        serde_json::from_str(&listening).expect("JSON, where there is no terminal");
    assert_eq!(listening["message"], "listening");
    let address = listening["address"].as_str().unwrap().to_owned();
    Serving {
        child,
        lines,
        address,
    }
}

#[cfg(unix)]
impl Serving {
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    fn ended(&mut self) -> (Option<i32>, Vec<String>) {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        (code, self.lines.iter().collect())
    }
}

/// A test that fails leaves no relay behind.
#[cfg(unix)]
impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn serve_listens_logs_json_and_ends_in_order_at_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut relay = serve("serve", &["--log", "trace"]);
        TcpStream::connect(&relay.address).unwrap();
        relay.signal(signal);
        let (code, lines) = relay.ended();
        assert_eq!(code, Some(0), "{lines:?}");
        for line in lines {
            serde_json::from_str::<Json>(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(!line.contains(SECRET), "{line}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_serve_at_once_with_1() {
    let mut relay = serve("second", &[]);
    // A client that never says goodbye holds the drain up.
    let mut client = TcpStream::connect(&relay.address).unwrap();
    let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(upgrade.as_bytes()).unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");

    relay.signal("-TERM");
    let first = relay.lines.recv_timeout(PATIENCE).unwrap();
    assert!(first.contains("a second signal ends at once"), "{first}");
    relay.signal("-TERM");
    let (code, lines) = relay.ended();
    assert_eq!(code, Some(1), "{lines:?}");
}

#[cfg(unix)]
#[test]
fn serve_ends_with_1_when_the_address_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = relay(
        "taken",
        &["serve", "--bind", &address, "--log-format", "human"],
    )
    .env("RELAY_SECRET", SECRET)
    .ran()
    .ended(1);
    assert!(
        ran.err.contains(&format!("cannot listen on {address}")),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, "");
}
