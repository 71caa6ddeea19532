//! Who may speak: publishers by a key, subscribers by a token, web pages by their origin.

mod log_reader;
mod origin;
mod publisher;
mod rate_limit;
mod refusal;
mod subscriber;

pub(crate) use log_reader::LogReader;
pub use origin::OriginPattern;
pub(crate) use rate_limit::{RateLimits, Rates};
pub(crate) use refusal::Refusal;
pub(crate) use subscriber::{Subscriber, warn_at};
