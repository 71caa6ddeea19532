//! What the configuration says in effect, and where each value comes from; secrets as key ids.

use serde_json::Value as Json;

use super::app::{self, AppConfig, Chosen};
use super::file::default_settings;
use super::load::Loaded;
use super::reader::split_list;
use super::setting::{Setting, Settings, Value};

/// A key in effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name inside its table.
    pub key: String,
    /// What holds.
    pub shown: Shown,
    /// Where that comes from: `default`, a file and line, a variable, a flag.
    pub source: String,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// Text, number, truth or list.
    Value(Json),
    /// The ids of a secret's keys; the first signs.
    Keys(Vec<String>),
}

impl Loaded {
    /// The keys at the top, `[limits]`, and each of `[[apps]]`, in the order of the documented default.
    pub fn tables(&self) -> Vec<(&'static str, Vec<Entry>)> {
        let defaults = default_settings(&mut Vec::new());
        let mut keys: Vec<_> = defaults.values.iter().collect();
        keys.sort_by(|a, b| a.1.source.cmp(&b.1.source));
        let (limits, top): (Vec<_>, Vec<_>) = keys
            .into_iter()
            .map(|(key, _)| key.as_str())
            .partition(|key| key.starts_with("limits."));

        let alone = self.settings.apps.is_empty();
        let of_app = |key: &str| key != "id" && app::KEYS.contains(&key);
        let mut first: Vec<_> = top
            .iter()
            .filter(|key| !of_app(key) && **key != "redis_url")
            .filter_map(|key| self.entry(key, key, &defaults))
            .collect();
        if alone && let [app] = self.config.apps.as_slice() {
            first.extend(self.app(app, "", &defaults));
        }
        let limits = limits
            .iter()
            .filter_map(|key| self.entry(key, key.trim_start_matches("limits."), &defaults))
            .collect();
        let mut tables = vec![("", first), ("limits", limits)];
        for ((id, source), app) in self.settings.apps.iter().zip(&self.config.apps) {
            let mut entries = vec![Entry {
                key: "id".to_owned(),
                shown: Shown::Value(Json::from(id.as_str())),
                source: source.to_string(),
            }];
            entries.extend(self.app(app, &format!("apps.{id}."), &defaults));
            tables.push(("apps", entries));
        }
        tables
    }

    fn app(&self, app: &AppConfig, prefix: &str, defaults: &Settings) -> Vec<Entry> {
        let secret = |name: &str, keys: &forge_relay_core::KeyRing| {
            let source = match app::choose(&self.settings, &format!("{prefix}{name}")) {
                Chosen::Text(said) => said.source.to_string(),
                Chosen::File(said) => format!("{}, the file {}", said.source, path_of(said)),
                Chosen::Both | Chosen::Neither => "the secret".to_owned(),
            };
            let ids = keys.keys().iter().map(|key| key.id().to_owned()).collect();
            Entry {
                key: name.to_owned(),
                shown: Shown::Keys(ids),
                source,
            }
        };
        let mut entries = vec![
            secret("secret", &app.keys),
            secret("token_secret", &app.token_keys),
        ];
        for name in ["allowed_origins", "bearer", "mint_tokens"] {
            let own = format!("{prefix}{name}");
            let key = if self.settings.get(&own).is_some() {
                own.as_str()
            } else {
                name
            };
            entries.extend(self.entry(key, name, defaults));
        }
        entries
    }

    /// `name` is the key inside its table, and the default's key of the same meaning gives the value its form.
    fn entry(&self, key: &str, name: &str, defaults: &Settings) -> Option<Entry> {
        let setting = self.settings.get(key)?;
        let form = defaults.get(name).or_else(|| defaults.get(key))?;
        Some(Entry {
            key: name.to_owned(),
            shown: Shown::Value(in_form(&setting.value, &form.value)),
            source: setting.source.to_string(),
        })
    }
}

fn path_of(setting: &Setting) -> &str {
    match &setting.value {
        Value::Text(path) => path,
        Value::Bare(_) | Value::List(_) => "",
    }
}

/// A variable's text in the form in which a file would say it.
fn in_form(value: &Value, form: &Value) -> Json {
    match (value, form) {
        (Value::List(items), _) => Json::from(items.clone()),
        (Value::Text(text), Value::Text(_)) => Json::from(text.trim()),
        (Value::Text(text) | Value::Bare(text), Value::List(_)) => split_list(text).collect(),
        (Value::Text(text) | Value::Bare(text), _) => {
            serde_json::from_str(text.trim()).unwrap_or_else(|_| Json::from(text.as_str()))
        }
    }
}
