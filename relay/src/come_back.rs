//! When those who are sent away, or refused for now, are asked to come back.

use std::hash::{BuildHasher as _, RandomState};

/// The shortest wait, in milliseconds.
const LEAST: u64 = 500;
/// How much longer, at the most, so that not all come back as one.
const SPREAD: u64 = 2_500;

/// How long someone should wait before coming back, in milliseconds. Different each time.
pub(crate) fn after_ms() -> u64 {
    // Every `RandomState` has keys of its own.
    LEAST + RandomState::new().hash_one(0) % SPREAD
}
