//! Exit codes, for scripts.

/// How a command ended. The numbers are documented in `--help` and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    /// Refused, or failed for good.
    Failed = 1,
    /// Wrong usage or configuration; nothing was done.
    Usage = 2,
    /// Not accepted in time, and safe to do again.
    Later = 3,
}
