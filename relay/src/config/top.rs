//! The configuration as the relay uses it.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::app::{self, AppConfig};
use super::limits::{self, Limits};
use super::load::{Sources, assemble};
use super::problem::Problems;
use super::reader::Reader;
use crate::telemetry;

/// Everything a relay needs to know at start. It is valid: `Config` is only made from a configuration without problems.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on.
    pub bind: SocketAddr,
    /// What is logged, in `tracing`'s filter syntax.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// The proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether requests that did not come by https are refused.
    pub require_https: bool,
    /// Whether clients may connect by HTTP long polling.
    pub long_polling: bool,
    /// At least one, in the order of the file.
    pub apps: Vec<AppConfig>,
    /// Everything that is bounded.
    pub limits: Limits,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human when standard error is a terminal, else JSON.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

impl Config {
    /// The default, and this TOML laid over it; neither the environment nor a file of the machine matters.
    ///
    /// ```
    /// let config = forge_relay::config::Config::from_toml(
    ///     "secret = '0123456789abcdef0123456789abcdef'\nlimits.log_events = 25000",
    /// )?;
    /// assert_eq!(config.apps[0].id, "default");
    /// assert_eq!(config.limits.log_events, 25_000);
    /// # Ok::<(), forge_relay::config::Problems>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(toml: &str) -> Result<Config, Problems> {
        let sources = Sources::default();
        assemble(
            Some(("toml".to_owned(), toml.to_owned())),
            sources,
            Vec::new(),
        )
        .map(|loaded| loaded.config)
    }
}

/// Reads every key; `None` where an app or an address is unusable, which is among the problems then.
pub(super) fn read(r: &mut Reader<'_>, whole: bool) -> Option<Config> {
    let bind = r.text("bind", parse_bind);
    let log = r.text("log", telemetry::check_filter);
    let log_format = r.text("log_format", |text| match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        other => Err(format!(
            "{other:?} is not a log format: write auto, human or json"
        )),
    });
    let trusted_proxies = r.list("trusted_proxies", parse_network);
    let require_https = r.truth("require_https");
    if require_https && trusted_proxies.is_empty() && !r.is_bad("trusted_proxies") {
        r.problem(
            "require_https",
            "without trusted_proxies every request would be refused: the relay speaks plain http and believes a \
             proxy's X-Forwarded-Proto only when the proxy is named there",
        );
    }
    let long_polling = r.truth("long_polling");
    r.asked.insert("redis_url".to_owned());
    if r.settings
        .get("redis_url")
        .is_some_and(|s| !s.value.is_empty())
    {
        // Without its value, which may hold a password.
        r.problem(
            "redis_url",
            "this version of the relay runs alone, without Redis: remove it",
        );
    }
    let apps = app::read(r, whole);
    let limits = limits::read(r);
    Some(Config {
        bind: bind?,
        log: log?,
        log_format: log_format?,
        trusted_proxies,
        require_https,
        long_polling,
        apps,
        limits,
    })
}

fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().unwrap_or_default();
        match (port.parse::<u16>(), text.parse::<IpAddr>()) {
            (_, Ok(ip)) => format!("{text:?} has no port: write {}", SocketAddr::new(ip, 8080)),
            (Ok(port), _) if text.starts_with("localhost") => {
                format!("{text:?} is a name: write its address, 127.0.0.1:{port}")
            }
            (Ok(port), _) => {
                format!("{text:?} is not an IP address and port: write such as 0.0.0.0:{port}")
            }
            _ => format!("{text:?} is not an IP address and port: write such as 0.0.0.0:8080"),
        }
    })
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .map(|net| net.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            format!("{text:?} is not an address or network: write such as 10.0.0.0/8 or 192.0.2.1")
        })
}
