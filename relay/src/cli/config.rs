//! `forge-relay config check` and `config show`, and the flags that every command with a configuration has.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json, json};

use super::exit::Exit;
use super::output::{complain, note, say};
use crate::config::{Entry, Flag, Loaded, Problem, Problems, Shown, Sources};

/// Where the configuration comes from.
#[derive(Args)]
pub(super) struct ConfigArgs {
    /// Configuration file [default: RELAY_CONFIG, or ./forge-relay.toml if it is there]
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Address and port to listen on, such as 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<String>,
    /// What to log, such as info, or info,forge_relay=debug
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How to log: auto, human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigArgs {
    pub(super) fn load(self) -> Result<Loaded, Problems> {
        let flags = [
            ("--bind", "bind", self.bind),
            ("--log", "log", self.log),
            ("--log-format", "log_format", self.log_format),
        ];
        Loaded::from(Sources {
            file: self.config,
            variables: std::env::vars_os().collect(),
            flags: flags
                .into_iter()
                .filter_map(|(flag, key, value)| {
                    Some(Flag {
                        flag,
                        key,
                        value: value?,
                    })
                })
                .collect(),
        })
    }
}

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with the configuration
    #[command(after_help = "\
Examples:
  forge-relay config check
  forge-relay config check --config /etc/forge-relay.toml --json

Exit codes: 0 the relay would start with it, 2 it would not.")]
    Check(What),
    /// Print the configuration in effect and where each value comes from; secrets as key ids
    #[command(after_help = "\
Examples:
  forge-relay config show
  forge-relay config show --json | jq .limits.payload

The output is TOML again, without the secrets.")]
    Show(What),
}

#[derive(Args)]
pub(super) struct What {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ConfigCommand {
    pub(super) fn run(self) -> Exit {
        let (show, What { config, json }) = match self {
            ConfigCommand::Check(what) => (false, what),
            ConfigCommand::Show(what) => (true, what),
        };
        let loaded = match config.load() {
            Ok(loaded) => loaded,
            Err(problems) if json => {
                say(verdict(&problems.problems, &problems.warnings));
                return Exit::Usage;
            }
            Err(problems) => {
                complain(problems);
                return Exit::Usage;
            }
        };
        match (show, json) {
            (true, true) => say(as_json(&loaded)),
            (true, false) => say(as_toml(&loaded)),
            (false, true) => say(verdict(&[], &loaded.warnings)),
            (false, false) => say(format_args!(
                "the configuration is fine: {}",
                summary(&loaded)
            )),
        }
        if !json {
            for warning in &loaded.warnings {
                note(format_args!("warning: {warning}"));
            }
        }
        Exit::Done
    }
}

fn summary(loaded: &Loaded) -> String {
    let apps = &loaded.config.apps;
    let ids: Vec<_> = apps.iter().map(|app| app.id.as_str()).collect();
    let s = if apps.len() == 1 { "" } else { "s" };
    format!(
        "{} app{s} ({}), listening on {}",
        apps.len(),
        ids.join(", "),
        loaded.config.bind
    )
}

fn verdict(problems: &[Problem], warnings: &[Problem]) -> Json {
    let list = |problems: &[Problem]| -> Vec<Json> {
        problems
            .iter()
            .map(|problem| {
                json!({
                    "key": problem.key,
                    "source": problem.source.as_ref().map(ToString::to_string),
                    "message": problem.message,
                })
            })
            .collect()
    };
    json!({ "ok": problems.is_empty(), "problems": list(problems), "warnings": list(warnings) })
}

fn as_toml(loaded: &Loaded) -> String {
    let mut lines = Vec::new();
    for (table, entries) in loaded.tables() {
        match table {
            "" => {}
            "apps" => lines.push(("\n[[apps]]".to_owned(), String::new())),
            _ => lines.push((format!("\n[{table}]"), String::new())),
        }
        for Entry { key, shown, source } in entries {
            // A JSON text, list, number or truth is the same in TOML.
            let line = match shown {
                Shown::Value(value) => format!("{key} = {value}"),
                Shown::Keys(ids) => format!("# {key}: {}", ids.join(", ")),
            };
            lines.push((line, source));
        }
    }
    let width = lines
        .iter()
        .filter(|(line, _)| line.len() <= 60)
        .map(|(line, _)| line.len())
        .max()
        .unwrap_or(0);
    lines
        .into_iter()
        .map(|(line, source)| match source.as_str() {
            "" => line,
            source => format!("{line:width$}  # {source}"),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn as_json(loaded: &Loaded) -> Json {
    let mut all = Map::new();
    let mut apps = Vec::new();
    for (table, entries) in loaded.tables() {
        let entries = entries.into_iter().map(|Entry { key, shown, source }| {
            let value = match shown {
                Shown::Value(value) => json!({ "value": value, "source": source }),
                Shown::Keys(ids) => json!({ "keyIds": ids, "source": source }),
            };
            (key, value)
        });
        match table {
            "" => all.extend(entries),
            "apps" => apps.push(Json::Object(entries.collect())),
            _ => {
                all.insert(table.to_owned(), Json::Object(entries.collect()));
            }
        }
    }
    if !apps.is_empty() {
        all.insert("apps".to_owned(), Json::Array(apps));
    }
    Json::Object(all)
}
