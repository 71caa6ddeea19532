//! The browser's face of sdk-core: it forwards, and nothing more. It exports nothing that takes a secret.
//!
//! What it forwards to, and what each call means, is described at
//! [`Subscription`](forge_relay_core::subscription::Subscription). Times are milliseconds, as JavaScript counts them.

mod cursor;
mod subscription;

pub use cursor::{CursorParts, is_at_or_before, parse_cursor};
pub use subscription::ClientSubscription;
