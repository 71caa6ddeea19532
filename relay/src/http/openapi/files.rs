//! What lies in the repository's folder `openapi/`.

use serde_json::{Map, Value};

use super::{asyncapi, document};

/// Every generated file: its path below `openapi/`, and its content. `cargo xtask generate` writes them.
///
/// ```
/// let files = forge_relay::generated_files();
/// assert!(files.iter().any(|(path, _)| path == "openapi.json"));
/// assert!(files.iter().any(|(path, _)| path == "schemas/Event.json"));
/// ```
#[must_use]
pub fn generated_files() -> Vec<(String, String)> {
    let schemas = forge_relay_core::schema::all()
        .into_iter()
        .map(|(name, schema)| (format!("schemas/{name}.json"), pretty(schema.to_value())));
    [
        ("openapi.json".to_owned(), pretty(document())),
        ("asyncapi.json".to_owned(), pretty(asyncapi())),
    ]
    .into_iter()
    .chain(schemas)
    .collect()
}

/// JSON for people: indented, with its keys in order, so that the text does not depend on which features of serde_json
/// another crate of the build turns on.
pub(super) fn pretty(value: Value) -> String {
    let mut text = serde_json::to_string_pretty(&sorted(value)).unwrap_or_default();
    text.push('\n');
    text
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        other => other,
    }
}
