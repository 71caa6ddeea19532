//! Apps and their secrets.

use super::*;

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
