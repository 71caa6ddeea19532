//! What is said, and what wins.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::reader::Reader;
use super::super::{file, setting, top};
use super::*;

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
