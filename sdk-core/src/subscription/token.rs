//! The token in hand, and the question for the next one.

use std::fmt;

/// A token that the app gave us.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: String,
    /// The question that it answers.
    pub(super) ticket: u32,
    pub(super) fetched_at: u64,
    /// A connection has shown it before. If it is refused now, it may just have grown old.
    pub(super) used: bool,
}

/// Tokens stay out of logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("ticket", &self.ticket)
            .field("fetched_at", &self.fetched_at)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

/// The app was asked for a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    pub(super) ticket: u32,
    pub(super) deadline: u64,
}
