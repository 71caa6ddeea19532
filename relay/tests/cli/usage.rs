//! Help, wrong usage, and the commands that need no configuration.

use forge_relay_core::Key;

use crate::run::{SECRET, relay};

#[test]
fn help_of_every_command_has_examples() {
    let commands: [&[&str]; 9] = [
        &[],
        &["serve"],
        &["publish"],
        &["tail"],
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
    let wrong: [&[&str]; 6] = [
        &[],
        &["server"],
        &["serve", "--prot", "1"],
        &["token", "mint"],
        &["publish", "1"],
        &["tail"],
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
fn openapi_prints_a_document() {
    let document = relay("openapi", &["openapi"]).ran().ended(0).json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{document}"
    );
}
