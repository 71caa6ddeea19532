//! Logs: to standard error, for people or as JSON, and never with a secret.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, suggest};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Our crates share it. What they log at debug and trace is ours to keep free of secrets, tokens and payloads.
const OURS: &str = "forge_relay";

/// Starts logging, for the life of the process. Once only; a second call changes nothing.
///
/// # Errors
/// The filter is none, or something logs already.
pub fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !terminal,
    };
    subscriber(filter, json, terminal, std::io::stderr)?
        .try_init()
        .map_err(|e| e.to_string())
}

/// A filter that means something, or why it does not.
pub(crate) fn check_filter(filter: &str) -> Result<String, String> {
    for word in filter.split(',').map(str::trim) {
        let level = word.to_ascii_lowercase();
        // A lone word that is no level is a module, with everything else off: of a mistyped level that is a silent
        // relay.
        if !LEVELS.contains(&level.as_str())
            && let Some(meant) = suggest(&level, LEVELS, '.')
        {
            return Err(format!("{word:?} is not a level: did you mean {meant}?"));
        }
    }
    EnvFilter::builder()
        .parse(filter)
        .map(|_| filter.to_owned())
        .map_err(|e| {
            format!(
                "{filter:?} is not a log filter: {e}; write such as info, or info,forge_relay=debug"
            )
        })
}

fn subscriber<W>(
    filter: &str,
    json: bool,
    colours: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, String>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| e.to_string())?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if json {
        lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_ansi(false)
            .boxed()
    } else {
        let colours = colours && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colours).boxed()
    };
    Ok(tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(may_be_logged))
        .with(lines))
}

/// Libraries print at debug what they carry: headers with a bearer secret, handshakes with a token, bodies. No filter
/// of an operator gets that into a log.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let ours = metadata
        .target()
        .strip_prefix(OURS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with("_core"));
    ours || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, json: bool, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(filter, json, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_filter_lets_a_library_say_more_than_info() {
        for filter in [
            "trace",
            "hyper=trace,engineioxide_core=trace,h2=debug",
            "trace,hyper::proto=trace",
        ] {
            let text = logged(filter, false, || {
                tracing::trace!(target: "hyper::proto::h1", "authorization: Bearer s3cret");
                tracing::debug!(target: "engineioxide_core", token = "s3cret");
                tracing::debug!(target: "socketioxide_parser_common", "s3cret");
                tracing::debug!(target: "forge_relayed", "s3cret");
                tracing::info!(target: "hyper", "a library's info");
            });
            assert!(!text.contains("s3cret"), "{filter}: {text}");
        }
    }

    #[test]
    fn our_own_levels_follow_the_filter() {
        let log = || {
            tracing::debug!(target: "forge_relay::socket", "ours");
            tracing::info!(target: "forge_relay", "told");
        };
        let all = logged("info,forge_relay::socket=debug", false, log);
        assert!(all.contains("ours") && all.contains("told"), "{all}");
        let some = logged("info", false, log);
        assert!(!some.contains("ours") && some.contains("told"), "{some}");
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let text = logged("info", true, || {
            tracing::info!(target: "forge_relay::http", request = "r-1", code = 202, "a \"line\"\nwith a break");
            tracing::warn!(target: "forge_relay", "another");
        });
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "a \"line\"\nwith a break");
        assert_eq!(lines[0]["request"], "r-1");
        assert_eq!(lines[0]["code"], 202);
        assert_eq!(lines[0]["level"], "INFO");
        assert!(lines[0]["timestamp"].is_string());
    }

    #[test]
    fn a_mistyped_level_does_not_silence_the_relay() {
        assert_eq!(
            check_filter("inof").unwrap_err(),
            "\"inof\" is not a level: did you mean info?"
        );
        assert!(
            check_filter("forge_relay=verbose")
                .unwrap_err()
                .contains("is not a log filter")
        );
        for filter in [
            "info",
            "DEBUG",
            "off",
            "warn,forge_relay=debug",
            "info,forge_relay::socket=trace",
        ] {
            assert_eq!(check_filter(filter).unwrap(), filter);
        }
    }
}
