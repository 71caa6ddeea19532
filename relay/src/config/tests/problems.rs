//! What is told about a wrong configuration.

use super::*;

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
