//! The time of day, for what is signed here.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds.
pub(super) fn unix_seconds() -> i64 {
    unix_millis().div_euclid(1000)
}

/// Unix milliseconds; a clock before 1970 counts as 1970.
pub(super) fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
