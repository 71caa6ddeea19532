//! `config check`, `config show`, and what `serve` refuses.

use forge_relay_core::Key;
use serde_json::{Value as Json, json};

use crate::run::{OTHER, SECRET, relay};

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
