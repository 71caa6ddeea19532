#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use super::load::assemble;
use super::reader::Reader;
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef-first";
const OTHER: &str = "0123456789abcdef0123456789abcdef-other";

fn load(toml: &str, variables: &[(&str, &str)], flags: &[Flag]) -> Result<Loaded, Problems> {
    let sources = Sources {
        file: None,
        variables: variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect(),
        flags: flags.to_vec(),
    };
    assemble(
        Some(("relay.toml".to_owned(), toml.to_owned())),
        sources,
        Vec::new(),
    )
}

fn with_secret(toml: &str) -> Result<Config, Problems> {
    load(toml, &[("RELAY_SECRET", SECRET)], &[]).map(|loaded| loaded.config)
}

fn problems_of(result: Result<Loaded, Problems>) -> Vec<String> {
    let problems = result.err().expect("the configuration is wrong").problems;
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn one_problem(toml: &str, expected: &str) {
    let problems = problems_of(load(toml, &[("RELAY_SECRET", SECRET)], &[]));
    assert_eq!(problems, [expected], "{toml}");
}

#[test]
fn a_secret_is_all_that_one_app_needs() {
    let config = load("", &[("RELAY_SECRET", SECRET)], &[]).unwrap().config;
    assert_eq!(config.bind.to_string(), "0.0.0.0:8080");
    assert_eq!(config.log, "info");
    assert_eq!(config.log_format, LogFormat::Auto);
    assert!(config.trusted_proxies.is_empty() && !config.require_https);
    let [app] = config.apps.as_slice() else {
        panic!("one app")
    };
    assert_eq!(app.id, "default");
    assert_eq!(app.keys.keys().len(), 1);
    assert_eq!(app.token_keys.signing().id(), app.keys.signing().id());
    assert_eq!(app.allowed_origins.len(), 1);
    assert!(app.allowed_origins[0].matches("https://3f2a.cdn.prod.atlassian-dev.net"));
    assert!(app.bearer && !app.mint_tokens);
}

#[test]
fn the_default_file_has_the_limits_of_the_design() {
    let (kib, mib, s) = (1 << 10, 1 << 20, Duration::from_secs);
    let expected = Limits {
        payload: 64 * kib,
        event_body: 128 * kib,
        batch_body: mib,
        message: 16 * kib,
        messages_per_second: 20,
        connects_per_account: 10,
        publishes_per_session: 0,
        requests_per_address: 0,
        clock_skew: s(300),
        nonce_age: s(600),
        nonce_memory: 256 * mib,
        token_life: s(300),
        token_leeway: s(10),
        log_events: 1000,
        log_age: s(600),
        log_bytes: 4 * mib,
        all_logs: 256 * mib,
        idle_session: s(600),
        outbox: 64 * kib,
        catch_up_write: 64 * kib,
        all_outboxes: 256 * mib,
        write_deadline: s(10),
        least_rate: kib,
        header_deadline: s(10),
        body_deadline: s(10),
        handshake_deadline: s(10),
        ping_interval: s(25),
        ping_timeout: s(20),
        drain: s(2),
        connections: None,
    };
    assert_eq!(with_secret("").unwrap().limits, expected);
}

#[test]
fn every_key_of_the_default_file_is_read_and_every_key_read_is_in_it() {
    let mut problems = Vec::new();
    let settings = file::default_settings(&mut problems);
    assert_eq!(problems, []);
    let mut reader = Reader::new(&settings);
    let _ = top::read(&mut reader, true);
    let documented: BTreeSet<String> = settings.values.keys().cloned().collect();
    assert_eq!(reader.asked, documented);
}

#[test]
fn every_key_of_the_default_file_has_a_comment_above_it() {
    let mut explained = false;
    for line in file::DEFAULT.lines() {
        match line.trim() {
            "" => explained = false,
            line if line.starts_with('#') => explained = true,
            line if line.starts_with('[') => {}
            line => assert!(explained, "{line}"),
        }
    }
}

#[test]
fn the_default_file_laid_over_itself_changes_nothing() {
    let config = load(file::DEFAULT, &[("RELAY_SECRET", SECRET)], &[])
        .unwrap()
        .config;
    assert_eq!(config.limits, with_secret("").unwrap().limits);
}

#[test]
fn what_is_said_later_wins() {
    let flag = |value: &str| Flag {
        flag: "--bind",
        key: "bind",
        value: value.to_owned(),
    };
    let toml = "bind = '127.0.0.1:1'\nlog = 'warn'\nlimits.payload = '1KiB'";
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_BIND", "127.0.0.1:2"),
        ("RELAY_LOG", "debug"),
    ];
    let bind = |result: Result<Loaded, Problems>| result.unwrap().config.bind.port();
    assert_eq!(bind(load("", &variables[..1], &[])), 8080);
    assert_eq!(bind(load(toml, &variables[..1], &[])), 1);
    assert_eq!(bind(load(toml, &variables, &[])), 2);
    assert_eq!(bind(load(toml, &variables, &[flag("127.0.0.1:3")])), 3);
    let config = load(toml, &variables, &[]).unwrap().config;
    assert_eq!(config.log, "debug");
    assert_eq!(
        config.limits.payload, 1024,
        "a layer changes only what it says"
    );
}

#[test]
fn every_key_has_its_variable() {
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_TOKEN_SECRET", OTHER),
        (
            "RELAY_ALLOWED_ORIGINS",
            "https://a.example, https://b.example\nhttp://localhost:*",
        ),
        ("RELAY_BEARER", "false"),
        ("RELAY_MINT_TOKENS", "true"),
        (
            "RELAY_TRUSTED_PROXIES",
            "10.0.0.0/8 192.0.2.1,2001:db8::/32",
        ),
        ("RELAY_REQUIRE_HTTPS", "true"),
        ("RELAY_LOG_FORMAT", "json"),
        ("RELAY_LIMITS_PAYLOAD", "32KiB"),
        ("RELAY_LIMITS_MESSAGES_PER_SECOND", "50"),
        ("RELAY_LIMITS_PING_INTERVAL", "250ms"),
        ("RELAY_LIMITS_DRAIN", "30s"),
        ("RELAY_LIMITS_CONNECTIONS", "100"),
    ];
    let loaded = load("", &variables, &[]).unwrap();
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let app = &config.apps[0];
    assert_ne!(app.token_keys.signing().id(), app.keys.signing().id());
    assert_eq!(app.allowed_origins.len(), 3);
    assert!(!app.bearer && app.mint_tokens && config.require_https);
    assert_eq!(config.trusted_proxies.len(), 3);
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.limits.payload, 32 * 1024);
    assert_eq!(config.limits.messages_per_second, 50);
    assert_eq!(config.limits.ping_interval, Duration::from_millis(250));
    assert_eq!(config.limits.drain, Duration::from_secs(30));
    assert_eq!(config.limits.connections, Some(100));

    let settings = file::default_settings(&mut Vec::new());
    for key in settings.values.keys() {
        let name = setting::variable_of(key);
        let warnings = match load("", &[("RELAY_SECRET", SECRET), (&name, "?")], &[]) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems.warnings,
        };
        assert_eq!(warnings, [], "{name}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_BIND", ""),
        ("RELAY_TOKEN_SECRET", " "),
    ];
    let config = load("bind = '127.0.0.1:1'", &variables, &[])
        .unwrap()
        .config;
    assert_eq!(config.bind.port(), 1);
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    let hint = "there is no such key: did you mean";
    one_problem("bnid = 'x'", &format!("relay.toml:1: bnid: {hint} bind?"));
    one_problem(
        "\n[limits]\npaylaod = '1KiB'",
        &format!("relay.toml:3: limits.paylaod: {hint} limits.payload?"),
    );
    one_problem(
        "payload = '1KiB'",
        &format!("relay.toml:1: payload: {hint} limits.payload?"),
    );
    one_problem(
        "[limit]\nlog_age = '1m'",
        &format!("relay.toml:2: limit.log_age: {hint} limits.log_age?"),
    );
    one_problem(
        "[limits]\nbind = '127.0.0.1:1'",
        &format!("relay.toml:2: limits.bind: {hint} bind? It belongs above the line [limits]"),
    );
    one_problem(
        "colour = 'red'",
        "relay.toml:1: colour: there is no such key",
    );
    one_problem("[colour]", "relay.toml:1: colour: there is no such key");
}

#[test]
fn an_unknown_variable_is_a_warning_with_a_suggestion() {
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("RELAY_LIMITS_PAYLAOD", "1KiB"),
        ("RELAY_PAYLOAD", "1KiB"),
        ("RELAY_URL", "http://localhost"),
        ("RELAYED", "not ours"),
        ("PATH", "/bin"),
    ];
    let warnings = load("", &variables, &[]).unwrap().warnings;
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let ignored = "no key has this variable, it is ignored";
    assert_eq!(
        warnings,
        [
            format!("RELAY_LIMITS_PAYLAOD: {ignored}: did you mean RELAY_LIMITS_PAYLOAD?"),
            format!("RELAY_PAYLOAD: {ignored}: did you mean RELAY_LIMITS_PAYLOAD?"),
            format!("RELAY_PORT_8080_TCP_ADDR: {ignored}"),
        ]
    );
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let toml = "log = 3\nbearer = 'yes'\n[limits]\npayload = 64\nlog_age = '1 week'\noutbox = ['x']\ndrain = 10";
    let variables = [
        ("RELAY_LIMITS_LEAST_RATE", "1KB"),
        ("RELAY_TRUSTED_PROXIES", "10.0.0.0/33"),
    ];
    let flags = [Flag {
        flag: "--bind",
        key: "bind",
        value: ":8080".to_owned(),
    }];
    assert_eq!(
        problems_of(load(toml, &variables, &flags)),
        [
            "no secret is set: set RELAY_SECRET or RELAY_SECRET_FILE; `forge-relay keys new` makes one",
            "relay.toml:1: log: put the value in quotes: \"3\"",
            "relay.toml:2: bearer: \"yes\" is neither true nor false",
            "relay.toml:4: limits.payload: 64 has no unit: write it with one, such as 64KiB",
            "relay.toml:5: limits.log_age: \"1 week\" is not a duration: write a whole number and ms, s, m or h, such as 10s",
            "relay.toml:6: limits.outbox: one value is needed, not a list",
            "relay.toml:7: limits.drain: 10 has no unit: write it with one, such as 10s",
            "RELAY_LIMITS_LEAST_RATE: KB is ambiguous: write 1KiB (1024 bytes)",
            "RELAY_TRUSTED_PROXIES: \"10.0.0.0/33\" is not an address or network: write such as 10.0.0.0/8 or 192.0.2.1",
            "--bind: \":8080\" is not an IP address and port: write such as 0.0.0.0:8080",
        ]
    );
}

#[test]
fn limits_are_bounded_on_both_sides() {
    one_problem(
        "limits.payload = '2MiB'",
        "relay.toml:1: limits.payload: 2MiB is too large: it may be 1B to 1MiB",
    );
    for zero in [
        "payload = '0B'",
        "message = '0B'",
        "messages_per_second = 0",
        "clock_skew = '0s'",
        "nonce_age = '0s'",
        "nonce_memory = '0B'",
        "token_life = '0s'",
        "log_events = 0",
        "log_age = '0s'",
        "log_bytes = '0B'",
        "all_logs = '0B'",
        "idle_session = '0s'",
        "outbox = '0B'",
        "catch_up_write = '0B'",
        "all_outboxes = '0B'",
        "write_deadline = '0s'",
        "header_deadline = '0s'",
        "body_deadline = '0s'",
        "handshake_deadline = '0s'",
        "ping_interval = '0s'",
        "ping_timeout = '0s'",
        "connections = 0",
        "event_body = '0B'",
        "batch_body = '0B'",
    ] {
        let error = with_secret(&format!("limits.{zero}"))
            .expect_err(zero)
            .to_string();
        assert!(error.contains("is too small: it may be"), "{error}");
    }
    let limits = with_secret("[limits]\nleast_rate = '0B'\ntoken_leeway = '0s'\ndrain = '0s'")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.least_rate, limits.token_leeway, limits.drain),
        (0, Duration::ZERO, Duration::ZERO)
    );
    one_problem(
        "limits.token_life = '301s'",
        "relay.toml:1: limits.token_life: 301s is too large: it may be 1s to 5m",
    );
    one_problem(
        "limits.token_life = '1500ms'",
        "relay.toml:1: limits.token_life: write whole seconds, such as 10s",
    );
    one_problem(
        "limits.connections = -1",
        "relay.toml:1: limits.connections: \"-1\" is not a whole number",
    );
}

#[test]
fn limits_that_contradict_one_another_are_told_where_they_were_said() {
    one_problem(
        "limits.event_body = '32KiB'",
        "relay.toml:1: limits.event_body: 32KiB is too small: it must be at least limits.payload + 1KiB for what an \
         event has beside it, and limits.payload is 64KiB (default)",
    );
    one_problem(
        "limits.log_bytes = '64KiB'",
        "relay.toml:1: limits.log_bytes: 64KiB is too small: it must be at least limits.payload + 1KiB for what an \
         event has beside it, and limits.payload is 64KiB (default)",
    );
    one_problem(
        "limits.event_body = '2MiB'",
        "relay.toml:1: limits.event_body: 2MiB is too large: limits.batch_body is 1MiB (default) and must be at \
         least limits.event_body",
    );
    one_problem(
        "limits.log_bytes = '512MiB'",
        "relay.toml:1: limits.log_bytes: 512MiB is too large: limits.all_logs is 256MiB (default) and must be at \
         least limits.log_bytes",
    );
    one_problem(
        "limits.all_outboxes = '4KiB'",
        "relay.toml:1: limits.all_outboxes: 4KiB is too small: it must be at least limits.outbox, and limits.outbox \
         is 64KiB (default)",
    );
    one_problem(
        "limits.clock_skew = '301s'",
        "relay.toml:1: limits.clock_skew: 301s is too large: limits.nonce_age is 10m (default) and must be at least \
         twice limits.clock_skew, so that no captured request can be delivered again",
    );
    with_secret("[limits]\nlog_events = 25000\nlog_bytes = '64MiB'").unwrap();
}

#[test]
fn several_apps_have_their_own_keys_and_take_the_rest_from_the_top() {
    let toml = format!(
        "bearer = false\n[[apps]]\nid = 'poker'\nsecret = ['{SECRET}']\nallowed_origins = ['*']\n\
         [[apps]]\nid = 'retro.v2'\nmint_tokens = true\n"
    );
    let loaded = load(&toml, &[("RELAY_APPS_RETRO_V2_SECRET", OTHER)], &[]).unwrap();
    assert_eq!(loaded.warnings, []);
    let [poker, retro] = loaded.config.apps.as_slice() else {
        panic!("two apps")
    };
    assert_eq!(
        (poker.id.as_str(), retro.id.as_str()),
        ("poker", "retro.v2")
    );
    assert!(poker.allowed_origins[0].matches("https://anywhere.example"));
    assert!(!retro.allowed_origins[0].matches("https://anywhere.example"));
    assert!(!poker.bearer && !retro.bearer && !poker.mint_tokens && retro.mint_tokens);
    assert_ne!(poker.keys.signing().id(), retro.keys.signing().id());
}

#[test]
fn what_is_wrong_with_apps_is_told_by_app() {
    let toml = format!(
        "[[apps]]\nid = 'a'\nsecret = '{SECRET}'\nallowed_origin = []\n\
         [[apps]]\nid = 'a'\n\
         [[apps]]\nid = 'b c'\n\
         [[apps]]\nsecret = '{OTHER}'\n\
         [[apps]]\nid = 'd'\n\
         [[apps]]\nid = 'e'\ntoken_secret = '{SECRET}'\nsecret = '{OTHER}'\n"
    );
    let id = forge_relay_core::Key::parse(SECRET)
        .unwrap()
        .id()
        .to_owned();
    assert_eq!(
        problems_of(load(&toml, &[("RELAY_SECRET", OTHER)], &[])),
        [
            "app \"d\": no secret is set: set RELAY_APPS_D_SECRET or RELAY_APPS_D_SECRET_FILE; `forge-relay keys new` makes one",
            &format!(
                "the apps \"a\" and \"e\" share the key {id}: `forge-relay keys new` makes one for each"
            ),
            "relay.toml:4: apps.a.allowed_origin: an app has no such key: did you mean allowed_origins?",
            "relay.toml:6: apps.id: the id \"a\" is taken already, at relay.toml:2: every app needs its own",
            "relay.toml:8: apps.id: \"b c\" cannot be an app's id: write 1 to 64 of A-Z a-z 0-9 . _ -",
            "relay.toml:9: apps.id: give this app an id, such as id = \"planning-poker\"",
            "RELAY_SECRET: where there are [[apps]], each has its own secret: remove this one, or the [[apps]]",
        ]
    );
}

#[test]
fn apps_whose_variables_cannot_be_told_apart_are_refused_only_when_one_is_used() {
    let toml = format!(
        "[[apps]]\nid = 'a-b'\nsecret = '{SECRET}'\n[[apps]]\nid = 'a.b'\nsecret = '{OTHER}'"
    );
    assert!(load(&toml, &[], &[]).is_ok());
    assert_eq!(
        problems_of(load(&toml, &[("RELAY_APPS_A_B_BEARER", "true")], &[])),
        [
            "RELAY_APPS_A_B_BEARER: this may mean apps.a-b.bearer or apps.a.b.bearer: give the apps ids that differ in \
          more than case and punctuation"
        ]
    );
}

#[test]
fn weak_broken_and_quoted_secrets_are_refused_without_being_shown() {
    let refused = [
        (
            "short-secret",
            "the secret is too weak: it has 12 bytes and needs 32; `forge-relay keys new` makes one",
        ),
        (
            "0123456789abcdef0123456789abcdef,short-secret",
            "secret 2 of 2 is too weak: it has 12 bytes and needs 32; `forge-relay keys new` makes one",
        ),
        (
            "whsec_not!base64",
            "what follows whsec_ must be standard base64: copy the whole secret, or make one with `forge-relay keys new`",
        ),
        (
            "\"0123456789abcdef0123456789abcdef\"",
            "the secret is in quotes, which are taken as a part of it: remove them",
        ),
    ];
    for (secret, message) in refused {
        let problems = load("", &[("RELAY_SECRET", secret)], &[]).err().unwrap();
        assert_eq!(problems.problems[0].message, message);
        let told = format!("{problems} {problems:?}");
        assert!(
            !told.contains("short-secret") && !told.contains("not!base64"),
            "{told}"
        );
    }
}

#[test]
fn neither_a_broken_line_nor_a_wrong_place_shows_a_secret() {
    let hidden = "whsec_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for toml in [
        format!("secret = {hidden}"),
        format!("secret = \"{hidden}"),
        format!("secrte = '{hidden}'"),
        format!("secret_file = '{hidden}'"),
        format!("secret = ['{hidden}!']"),
        format!("[[apps]]\nid='a'\nsecret_file = '{hidden}'"),
        format!("redis_url = 'redis://:{hidden}@localhost'"),
    ] {
        let problems = load(&toml, &[], &[]).err().expect(&toml);
        let told = format!("{problems} {problems:?}");
        assert!(!told.contains(hidden), "{told}");
    }
    let loaded = load("", &[("RELAY_SECRET", SECRET)], &[]).unwrap();
    let told = format!("{:?} {:?}", loaded.config, loaded.tables());
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn of_a_broken_file_only_the_broken_lines_are_told() {
    let problems = problems_of(load("bind = \"x\n[limits\npayload = '1KiB'", &[], &[]));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("relay.toml:1: this is not TOML: "),
        "{problems:?}"
    );
    assert!(
        problems[1].starts_with("relay.toml:2: this is not TOML: "),
        "{problems:?}"
    );
}

#[test]
fn a_secret_and_its_file_are_told_apart_by_layer() {
    let toml = "secret = 'x'\nsecret_file = '/nowhere'";
    assert_eq!(
        problems_of(load(toml, &[], &[])),
        ["relay.toml:1: secret: secret and secret_file are both set: remove one of them"]
    );
    assert!(load("secret_file = '/nowhere'", &[("RELAY_SECRET", SECRET)], &[]).is_ok());
    let problems = problems_of(load(
        "secret = 'x'",
        &[("RELAY_SECRET_FILE", "/nowhere")],
        &[],
    ));
    assert!(
        problems[0].starts_with("RELAY_SECRET_FILE: the file that it names cannot be read"),
        "{problems:?}"
    );
}

#[test]
fn secrets_in_a_rotation_are_all_read_and_the_first_signs() {
    let (first, second) = (SECRET, OTHER);
    for text in [
        format!("{first},{second}"),
        format!(" {first}\n{second}\n"),
        format!("{first} , {second}"),
    ] {
        let config = load("", &[("RELAY_SECRET", &text)], &[]).unwrap().config;
        assert_eq!(config.apps[0].keys.keys().len(), 2);
        assert_eq!(
            config.apps[0].keys.signing().id(),
            forge_relay_core::Key::parse(first).unwrap().id()
        );
    }
}

#[test]
fn what_cannot_work_is_refused() {
    one_problem(
        "redis_url = 'redis://localhost'",
        "relay.toml:1: redis_url: this version of the relay runs alone, without Redis: remove it",
    );
    let problems = problems_of(load(
        "",
        &[("RELAY_SECRET", SECRET), ("RELAY_REDIS_URL", "redis://x")],
        &[],
    ));
    assert_eq!(
        problems,
        ["RELAY_REDIS_URL: this version of the relay runs alone, without Redis: remove it"]
    );
    one_problem(
        "require_https = true",
        "relay.toml:1: require_https: without trusted_proxies every request would be refused: the relay speaks plain \
         http and believes a proxy's X-Forwarded-Proto only when the proxy is named there",
    );
    one_problem(
        "allowed_origins = ['*', 'https://a.example']",
        "relay.toml:1: allowed_origins: \"*\" allows every origin: remove it, or the others",
    );
    one_problem(
        "log = 'inof'",
        "relay.toml:1: log: \"inof\" is not a level: did you mean info?",
    );
    one_problem(
        "log_format = 'text'",
        "relay.toml:1: log_format: \"text\" is not a log format: write auto, human or json",
    );
    for (bind, cure) in [
        (
            "8080",
            "\"8080\" is not an IP address and port: write such as 0.0.0.0:8080",
        ),
        (
            "localhost:80",
            "\"localhost:80\" is a name: write its address, 127.0.0.1:80",
        ),
        ("::1", "\"::1\" has no port: write [::1]:8080"),
    ] {
        one_problem(
            &format!("bind = '{bind}'"),
            &format!("relay.toml:1: bind: {cure}"),
        );
    }
    one_problem(
        "limits = 5",
        "relay.toml:1: limits: this is a table: write [limits] and its keys below",
    );
    one_problem(
        "[log]\nlevel = 'info'",
        "relay.toml:1: log: this is a value, not a table",
    );
    one_problem(
        "apps = 5",
        "relay.toml:1: apps: write [[apps]], once for each app",
    );
}

#[test]
fn what_is_seldom_meant_is_a_warning() {
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_TRUSTED_PROXIES", "0.0.0.0/0"),
    ];
    let warnings = load("allowed_origins = []", &variables, &[])
        .unwrap()
        .warnings;
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "allowed_origins: app \"default\" allows no origin, so no browser can connect",
            "trusted_proxies: everybody is trusted, so anyone can make up the address they come from",
        ]
    );
}

#[test]
fn the_tables_name_every_key_and_its_source() {
    let variables = [
        ("RELAY_SECRET", SECRET),
        ("RELAY_BEARER", "false"),
        ("RELAY_ALLOWED_ORIGINS", "http://a.example http://b.example"),
    ];
    let flags = [Flag {
        flag: "--bind",
        key: "bind",
        value: "127.0.0.1:1".to_owned(),
    }];
    let loaded = load("\nlimits.log_events = 5", &variables, &flags).unwrap();
    let tables = loaded.tables();
    let find = |table: &str, key: &str| {
        let (_, entries) = tables.iter().find(|(name, _)| *name == table).unwrap();
        let entry = entries.iter().find(|entry| entry.key == key).unwrap();
        (entry.shown.clone(), entry.source.clone())
    };
    let value = |json: serde_json::Value, source: &str| (Shown::Value(json), source.to_owned());
    assert_eq!(find("", "bind"), value("127.0.0.1:1".into(), "--bind"));
    assert_eq!(find("", "bearer"), value(false.into(), "RELAY_BEARER"));
    assert_eq!(
        find("", "allowed_origins"),
        value(
            vec!["http://a.example", "http://b.example"].into(),
            "RELAY_ALLOWED_ORIGINS"
        )
    );
    assert_eq!(
        find("limits", "log_events"),
        value(5.into(), "relay.toml:2")
    );
    assert_eq!(find("limits", "drain"), value("auto".into(), "default"));
    let id = loaded.config.apps[0].keys.signing().id().to_owned();
    assert_eq!(
        find("", "secret"),
        (Shown::Keys(vec![id]), "RELAY_SECRET".to_owned())
    );
    let count: usize = tables.iter().map(|(_, entries)| entries.len()).sum();
    let defaults = file::default_settings(&mut Vec::new());
    // Less redis_url, and each secret and its file are one line.
    assert_eq!(count, defaults.values.len() - 3);
}
