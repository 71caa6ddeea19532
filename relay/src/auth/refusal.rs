use std::borrow::Cow;

use forge_relay_core::Code;

/// Why somebody is not let in, in words that may be told to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// What to do about it. Never what the secret or the token was.
    pub(crate) detail: Cow<'static, str>,
    /// Whether it is worth trying again, with a new token where it takes one.
    pub(crate) retryable: bool,
    /// When, in milliseconds from now.
    pub(crate) after_ms: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retryable: code.retryable(),
            after_ms: None,
        }
    }
}
