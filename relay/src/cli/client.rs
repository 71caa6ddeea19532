//! What the commands that talk to a relay share.

use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::http::Uri;
use ureq::typestate::AgentScope;

// Which relay, and which of its apps. No doc comment: it would become the command's own help.
#[derive(Args)]
pub(super) struct RelayArgs {
    /// The relay [default: RELAY_URL, or http://127.0.0.1:8080]
    #[arg(
        long,
        env = "RELAY_URL",
        hide_env = true,
        hide_default_value = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub(super) url: String,
    /// The app, where the relay serves several [default: RELAY_APP]
    #[arg(long, value_name = "ID", env = "RELAY_APP", hide_env = true)]
    pub(super) app: Option<String>,
}

/// An HTTP client that hands out every answer as it is.
pub(super) fn agent() -> ConfigBuilder<AgentScope> {
    let builder: ConfigBuilder<AgentScope> = Agent::config_builder();
    builder
        .http_status_as_error(false)
        // A redirected POST would be sent as a GET, or its signed body to somebody else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("forge-relay/", env!("CARGO_PKG_VERSION")))
}

/// The address of a route of the relay at `base`.
pub(super) fn relay_url(base: &str, route: &str) -> Result<Uri, String> {
    let url = format!("{}{route}", base.trim_end_matches('/'));
    let cure = "write the relay's address, such as https://relay.example.com";
    let uri: Uri = url
        .parse()
        .map_err(|e| format!("--url: {base:?} is no address: {e}; {cure}"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err(format!(
            "--url: {base:?} is no http or https address; {cure}"
        )),
    }
}

/// Between half and all of it, so that many do not come back in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness it is only less spread.
    let _ = getrandom::fill(&mut byte);
    pause / 2 + pause / 2 * u32::from(byte[0]) / 255
}

/// A problem for people.
pub(super) fn in_words(problem: &Json) -> String {
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let mut words = format!("refused, {}: {}", text("code"), text("detail"));
    for error in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        words.push_str(&format!("\n  {}: {}", part("field"), part("message")));
    }
    if let Some(id) = problem["requestId"].as_str() {
        words.push_str(&format!("\n  request {id}"));
    }
    words
}
