//! Who may publish and subscribe: the apps, their secrets and origins.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use forge_relay_core::KeyRing;

use super::reader::Reader;
use super::setting::{Setting, Settings, Value};
use crate::auth::OriginPattern;

/// The keys of one of `[[apps]]`; without `id` they are those of the one app at the top of the file, too.
pub(super) const KEYS: [&str; 8] = [
    "id",
    "secret",
    "secret_file",
    "token_secret",
    "token_secret_file",
    "allowed_origins",
    "bearer",
    "mint_tokens",
];

/// The id of the app where there is but one.
pub const DEFAULT_APP: &str = "default";

const MOST_APPS: usize = 1000;
const LONGEST_ID: usize = 64;
/// Bytes; several keys fit many times.
const LARGEST_SECRET_FILE: u64 = 64 * 1024;
const MAKE_ONE: &str = "`forge-relay keys new` makes one";

/// One Forge app environment. Its `Debug` shows key ids, never keys.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Its id: the header `relay-app`, the claim `iss`.
    pub id: String,
    /// They sign and verify events.
    pub keys: KeyRing,
    /// They sign and verify tokens; `keys` where nothing else is set.
    pub token_keys: KeyRing,
    /// The origins of the pages whose browsers may connect.
    pub allowed_origins: Vec<OriginPattern>,
    /// Whether publishers may send the secret itself.
    pub bearer: bool,
    /// Whether `POST /tokens` mints for it.
    pub mint_tokens: bool,
}

pub(super) fn check_id(id: &str) -> Result<(), String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(word) {
        return Ok(());
    }
    Err(format!(
        "{id:?} cannot be an app's id: write 1 to {LONGEST_ID} of A-Z a-z 0-9 . _ -"
    ))
}

/// The apps; as many as could be read. Without a `whole` file, a missing secret is no news.
pub(super) fn read(r: &mut Reader<'_>, whole: bool) -> Vec<AppConfig> {
    let ids: Vec<String> = r.settings.apps.iter().map(|(id, _)| id.clone()).collect();
    if ids.is_empty() {
        return read_app(r, DEFAULT_APP, "", whole).into_iter().collect();
    }
    if ids.len() > MOST_APPS {
        r.problem(
            "apps",
            format!("{} apps are too many: at most {MOST_APPS}", ids.len()),
        );
    }
    for name in ["secret", "token_secret"] {
        for key in [name.to_owned(), format!("{name}_file")] {
            r.asked.insert(key.clone());
            if r.settings.get(&key).is_some_and(|s| !s.value.is_empty()) {
                let cure = "where there are [[apps]], each has its own secret: remove this one, or the [[apps]]";
                r.problem(&key, cure);
            }
        }
    }
    let apps: Vec<_> = ids
        .iter()
        .filter_map(|id| read_app(r, id, &format!("apps.{id}."), whole))
        .collect();
    refuse_shared_keys(r, &apps);
    apps
}

fn read_app(r: &mut Reader<'_>, id: &str, prefix: &str, whole: bool) -> Option<AppConfig> {
    let keys = secret(r, prefix, "secret");
    let token_keys = secret(r, prefix, "token_secret");
    if matches!(keys, Secret::NotSet) && whole {
        let variable = super::setting::variable_of(&format!("{prefix}secret"));
        let whose = if prefix.is_empty() {
            String::new()
        } else {
            format!("app {id:?}: ")
        };
        r.problem(
            "",
            format!("{whose}no secret is set: set {variable} or {variable}_FILE; {MAKE_ONE}"),
        );
    }
    // What an app does not say is as at the top.
    let key = |r: &Reader<'_>, name: &str| {
        let own = format!("{prefix}{name}");
        if r.settings.get(&own).is_some() {
            own
        } else {
            name.to_owned()
        }
    };
    let origins_key = key(r, "allowed_origins");
    let allowed_origins = r.list(&origins_key, |text| {
        OriginPattern::parse(text).map(|pattern| (text == "*", pattern))
    });
    if allowed_origins.len() > 1 && allowed_origins.iter().any(|(all, _)| *all) {
        r.problem(
            &origins_key,
            "\"*\" allows every origin: remove it, or the others",
        );
    }
    let bearer = key(r, "bearer");
    let mint_tokens = key(r, "mint_tokens");
    let (bearer, mint_tokens) = (r.truth(&bearer), r.truth(&mint_tokens));
    let Secret::Keys(keys) = keys else {
        return None;
    };
    Some(AppConfig {
        id: id.to_owned(),
        token_keys: match token_keys {
            Secret::Keys(keys) => keys,
            Secret::NotSet => keys.clone(),
            Secret::Refused => return None,
        },
        keys,
        allowed_origins: allowed_origins
            .into_iter()
            .map(|(_, pattern)| pattern)
            .collect(),
        bearer,
        mint_tokens,
    })
}

enum Secret {
    NotSet,
    Refused,
    Keys(KeyRing),
}

/// The setting that a secret comes from: the text itself, or the file that holds it, whichever was said later.
pub(super) enum Chosen<'s> {
    Text(&'s Setting),
    File(&'s Setting),
    /// Both were said in one layer.
    Both,
    Neither,
}

pub(super) fn choose<'s>(settings: &'s Settings, key: &str) -> Chosen<'s> {
    let said = |key: &str| {
        settings
            .get(key)
            .filter(|setting| !setting.value.is_empty())
    };
    match (said(key), said(&format!("{key}_file"))) {
        (None, None) => Chosen::Neither,
        (Some(text), None) => Chosen::Text(text),
        (None, Some(file)) => Chosen::File(file),
        (Some(text), Some(file)) => match text.source.rank().cmp(&file.source.rank()) {
            std::cmp::Ordering::Less => Chosen::File(file),
            std::cmp::Ordering::Equal => Chosen::Both,
            std::cmp::Ordering::Greater => Chosen::Text(text),
        },
    }
}

fn secret(r: &mut Reader<'_>, prefix: &str, name: &str) -> Secret {
    let key = format!("{prefix}{name}");
    let file_key = format!("{key}_file");
    r.asked.extend([key.clone(), file_key.clone()]);
    let (told, text) = match choose(r.settings, &key) {
        Chosen::Neither => return Secret::NotSet,
        Chosen::Both => {
            r.refuse(
                &key,
                format!("{name} and {name}_file are both set: remove one of them"),
            );
            return Secret::Refused;
        }
        Chosen::Text(setting) => (key, one_text(&setting.value)),
        Chosen::File(setting) => (
            file_key,
            one_text(&setting.value).and_then(|path| read_secret_file(&path)),
        ),
    };
    match text.and_then(|text| parse_secret(&text)) {
        Ok(ring) => Secret::Keys(ring),
        Err(message) => {
            r.refuse(&told, message);
            Secret::Refused
        }
    }
}

fn one_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.trim().to_owned()),
        // A list of secrets in a file is what commas are in a variable.
        Value::List(items) => Ok(items.join(" ")),
        Value::Bare(_) => Err("put the value in quotes".to_owned()),
    }
}

/// The secret in a file. The path is not repeated in errors: whoever puts the secret itself in its place would see
/// it in the logs.
pub(crate) fn read_secret_file(path: &str) -> Result<String, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_SECRET_FILE).read_to_string(&mut text))
        .map_err(|e| format!("the file that it names cannot be read: {e}; it must be the path of a file that holds the secret"))?;
    if text.trim().is_empty() {
        return Err(format!(
            "the file that it names is empty: put the secret into it; {MAKE_ONE}"
        ));
    }
    Ok(text)
}

/// The keys of a secret.
pub(crate) fn parse_secret(text: &str) -> Result<KeyRing, String> {
    KeyRing::parse_strong(text).map_err(|error| error.to_string())
}

/// A key in two apps lets each publish as the other, and with one app's token a browser join the other's sessions.
fn refuse_shared_keys(r: &mut Reader<'_>, apps: &[AppConfig]) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for app in apps {
        for key in app.keys.keys().iter().chain(app.token_keys.keys()) {
            let id = key.id();
            let owner = *owners.entry(id).or_insert(&app.id);
            if owner != app.id {
                r.problem(
                    "",
                    format!(
                        "the apps {owner:?} and {:?} share the key {id}: {MAKE_ONE} for each",
                        app.id
                    ),
                );
            }
        }
    }
}
