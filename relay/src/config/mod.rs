//! The configuration: compiled-in default, file, environment, flags; validated whole.

mod app;
mod environment;
mod file;
mod limits;
mod load;
mod problem;
mod reader;
mod setting;
mod show;
mod suggest;
mod top;
mod unit;

pub use app::{AppConfig, DEFAULT_APP};
pub(crate) use app::{parse_secret, read_secret_file};
pub use limits::{BESIDE_PAYLOAD, Limits};
pub use load::{Flag, Loaded, Sources};
pub use problem::{Problem, Problems};
pub use setting::{Settings, Source};
pub use show::{Entry, Shown};
pub(crate) use suggest::suggest;
pub use top::{Config, LogFormat};
pub(crate) use unit::parse_duration;

#[cfg(test)]
mod tests;
