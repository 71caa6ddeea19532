//! The file layers: the compiled-in default and the operator's TOML.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::app;
use super::problem::Problem;
use super::setting::{Settings, Source, Value};
use super::suggest::{did_you_mean, suggest};

/// The documented default; every key of it is a key of the configuration, and there are no others but those of
/// `[[apps]]`.
pub(super) const DEFAULT: &str = include_str!("default.toml");

/// The settings of the compiled-in default.
pub(super) fn default_settings(problems: &mut Vec<Problem>) -> Settings {
    let mut settings = Settings::default();
    let (table, _) = DeTable::parse_recoverable(DEFAULT);
    let mut walk = Walk {
        text: DEFAULT,
        source: &|line| Source::Default { line },
        known: None,
        settings: &mut settings,
        problems,
    };
    walk.table("", table.get_ref());
    settings
}

/// Lays a file over the settings. Returns whether it was TOML: where not, nothing of it counts, because behind a broken
/// line a key may seem to be in another table, or missing.
pub(super) fn lay(
    settings: &mut Settings,
    path: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> bool {
    let source = |line| Source::File {
        path: path.to_owned(),
        line,
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        problems.push(Problem {
            source: Some(source(line)),
            key: String::new(),
            // Not the error's own display, which quotes the line, and that may hold a secret.
            message: format!("this is not TOML: {}", error.message()),
        });
    }
    if !errors.is_empty() {
        return false;
    }
    let known = settings.values.keys().cloned().collect();
    let mut walk = Walk {
        text,
        source: &source,
        known: Some(known),
        settings,
        problems,
    };
    walk.table("", table.get_ref());
    true
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|b| **b == b'\n').count()
}

struct Walk<'a> {
    text: &'a str,
    source: &'a dyn Fn(usize) -> Source,
    /// `None` for the default itself, which says what is known.
    known: Option<Vec<String>>,
    settings: &'a mut Settings,
    problems: &'a mut Vec<Problem>,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let at = (self.source)(line_of(self.text, name.span().start));
            match value.get_ref() {
                DeValue::Array(apps) if key == "apps" => {
                    for app in apps {
                        self.app(app);
                    }
                }
                _ if key == "apps" => self.refuse(at, key, "write [[apps]], once for each app"),
                DeValue::Table(inner) if self.is_table(&key) || !inner.is_empty() => {
                    if self.knows(&key) {
                        self.refuse(at, key, "this is a value, not a table");
                    } else {
                        self.table(&format!("{key}."), inner);
                    }
                }
                _ if self.is_table(&key) => {
                    let cure = format!("this is a table: write [{key}] and its keys below");
                    self.refuse(at, key, cure);
                }
                _ if self.knows(&key) => self.value(at, key, value.get_ref()),
                _ => self.unknown(at, key),
            }
        }
    }

    /// One of `[[apps]]`; without an id that can name it, only its id is reported.
    fn app(&mut self, app: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = app.get_ref() else {
            let at = (self.source)(line_of(self.text, app.span().start));
            return self.refuse(at, "apps", "write [[apps]], once for each app");
        };
        let start = (self.source)(line_of(self.text, app.span().start));
        let id = match table.iter().find(|(name, _)| name.get_ref() == "id") {
            Some((name, value)) => {
                let at = (self.source)(line_of(self.text, name.span().start));
                let id = value.get_ref().as_str().unwrap_or_default().to_owned();
                if let Err(message) = app::check_id(&id) {
                    return self.refuse(at, "apps.id", message);
                }
                if let Some((_, first)) = self.settings.apps.iter().find(|(other, _)| *other == id)
                {
                    let message = format!(
                        "the id {id:?} is taken already, at {first}: every app needs its own"
                    );
                    return self.refuse(at, "apps.id", message);
                }
                self.settings.apps.push((id.clone(), at));
                id
            }
            None => {
                let example = "give this app an id, such as id = \"planning-poker\"";
                return self.refuse(start, "apps.id", example);
            }
        };
        for (name, value) in table.iter().filter(|(name, _)| name.get_ref() != "id") {
            let at = (self.source)(line_of(self.text, name.span().start));
            let key = format!("apps.{id}.{}", name.get_ref());
            if app::KEYS.contains(&name.get_ref().as_ref()) {
                self.value(at, key, value.get_ref());
            } else {
                let hint = match suggest(name.get_ref(), app::KEYS, '.') {
                    None => format!(": it may have {}", app::KEYS.join(", ")),
                    meant => did_you_mean(meant),
                };
                self.refuse(at, key, format!("an app has no such key{hint}"));
            }
        }
    }

    fn value(&mut self, at: Source, key: String, value: &DeValue<'_>) {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => Value::Bare(number.to_string()),
            DeValue::Float(number) => Value::Bare(number.to_string()),
            DeValue::Boolean(truth) => Value::Bare(truth.to_string()),
            DeValue::Datetime(time) => Value::Bare(time.to_string()),
            DeValue::Table(_) => return self.refuse(at, key, "this is a value, not a table"),
            DeValue::Array(items) => {
                let texts: Option<Vec<_>> = items
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned))
                    .collect();
                match texts {
                    Some(texts) => Value::List(texts),
                    None => return self.refuse(at, key, "put every element of the list in quotes"),
                }
            }
        };
        self.settings.set(key, value, at);
    }

    fn knows(&self, key: &str) -> bool {
        self.known
            .as_ref()
            .is_none_or(|known| known.iter().any(|name| name == key))
            && !self.is_table(key)
    }

    fn is_table(&self, key: &str) -> bool {
        key == "limits"
    }

    fn unknown(&mut self, at: Source, key: String) {
        let known = self.known.as_deref().unwrap_or_default();
        let suggestion = suggest(&key, known.iter().map(String::as_str), '.');
        let mut hint = did_you_mean(suggestion);
        if suggestion.is_some_and(|name| key == format!("limits.{name}")) {
            hint.push_str(" It belongs above the line [limits]");
        }
        self.refuse(at, key, format!("there is no such key{hint}"));
    }

    fn refuse(&mut self, at: Source, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem {
            source: Some(at),
            key: key.into(),
            message: message.into(),
        });
    }
}
