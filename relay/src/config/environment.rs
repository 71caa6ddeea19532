//! The environment layer: every key has its `RELAY_…` variable.

use std::collections::HashMap;
use std::ffi::OsString;

use super::app;
use super::problem::Problem;
use super::setting::{Settings, Source, Value, variable_of};
use super::suggest::{did_you_mean, suggest};

/// Variables of the command line, not of the configuration.
const ELSEWHERE: [&str; 4] = ["RELAY_CONFIG", "RELAY_URL", "RELAY_APP", "RELAY_TOKEN"];

/// Lays the environment over the settings. The file comes before, because it names the apps.
pub(super) fn lay(
    settings: &mut Settings,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    let keys = keys_by_variable(settings);
    // In the order of their names, so that the same environment is always told the same way.
    let mut relevant: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("RELAY_") && !ELSEWHERE.contains(&name.as_str()))
        .collect();
    relevant.sort();

    for (name, value) in relevant {
        let problem = |message: String| Problem {
            source: Some(Source::Variable(name.clone())),
            key: String::new(),
            message,
        };
        match keys.get(&name).map(Vec::as_slice) {
            None => {
                let suggestion = suggest(&name, keys.keys().map(String::as_str), '_')
                    .or_else(|| misplaced(&name, &keys));
                let hint = did_you_mean(suggestion);
                warnings.push(problem(format!(
                    "no key has this variable, it is ignored{hint}"
                )));
            }
            Some([key]) => match value.into_string() {
                Err(_) => problems.push(problem("the value is not UTF-8".to_owned())),
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    settings.set(
                        key.as_str(),
                        Value::Text(text),
                        Source::Variable(name.clone()),
                    );
                }
            },
            Some(several) => problems.push(problem(format!(
                "this may mean {}: give the apps ids that differ in more than case and punctuation",
                several.join(" or ")
            ))),
        }
    }
}

/// `RELAY_PAYLOAD` for `RELAY_LIMITS_PAYLOAD`.
fn misplaced<'k>(name: &str, keys: &'k HashMap<String, Vec<String>>) -> Option<&'k str> {
    let rest = name.strip_prefix("RELAY_")?;
    let limit = format!("RELAY_LIMITS_{rest}");
    let top = rest
        .strip_prefix("LIMITS_")
        .map(|rest| format!("RELAY_{rest}"));
    [Some(limit), top]
        .into_iter()
        .flatten()
        .find_map(|name| keys.get_key_value(&name))
        .map(|(name, _)| name.as_str())
}

fn keys_by_variable(settings: &Settings) -> HashMap<String, Vec<String>> {
    let of_apps = settings.apps.iter().flat_map(|(id, _)| {
        app::KEYS
            .iter()
            .filter(|key| **key != "id")
            .map(move |key| format!("apps.{id}.{key}"))
    });
    let top = settings
        .values
        .keys()
        .filter(|key| !key.starts_with("apps."))
        .cloned();
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for key in top.chain(of_apps) {
        keys.entry(variable_of(&key)).or_default().push(key);
    }
    keys
}
