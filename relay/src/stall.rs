//! When a peer takes what it is sent too slowly: one rule for every kind of connection.
//!
//! ```text
//!   nothing waits ──▶ something waits ──▶ nothing taken for the write deadline, or
//!        ▲                  │             less than the least rate over ten seconds ──▶ too slow
//!        └── all taken ─────┘
//! ```

use std::time::Duration;

use crate::config::Limits;

/// Milliseconds of any clock that does not go back.
pub(crate) type Millis = u64;

/// Over how long the least rate is measured.
const RATE_WINDOW: Millis = 10_000;

/// How slow a peer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StallLimits {
    /// How long it may take nothing.
    pub(crate) write_deadline: Millis,
    /// Bytes a second; 0 is no limit.
    pub(crate) least_rate: u64,
}

impl From<&Limits> for StallLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            write_deadline: millis(limits.write_deadline),
            least_rate: u64::try_from(limits.least_rate).unwrap_or(u64::MAX),
        }
    }
}

/// A time in whole milliseconds.
pub(crate) fn millis(time: Duration) -> Millis {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl StallLimits {
    /// How long a peer may need for this many bytes which are on their way to it.
    pub(crate) fn time_for(&self, bytes: usize) -> Millis {
        let millis = (bytes as u64).saturating_mul(1000);
        millis.checked_div(self.least_rate).unwrap_or(Millis::MAX)
    }
}

/// Something waits for a peer. `taken` counts what it took of all that it was ever sent, and may begin anew at 0
/// after the largest number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stall {
    /// When the peer last took something.
    progress_at: Millis,
    /// The window over which the rate is measured: its beginning, and what was taken by then.
    window_at: Millis,
    window_taken: u32,
}

impl Stall {
    /// It waits since `at`; that may be yet to come, where the peer still has something else to take.
    pub(crate) fn new(at: Millis, taken: u32) -> Self {
        Self {
            progress_at: at,
            window_at: at,
            window_taken: taken,
        }
    }

    /// The peer took something.
    pub(crate) fn progress(&mut self, at: Millis) {
        self.progress_at = at;
    }

    /// How long it has taken nothing.
    pub(crate) fn lasted(&self, now: Millis) -> Millis {
        now.saturating_sub(self.progress_at)
    }

    /// When to look at it again.
    pub(crate) fn deadline(&self, limits: StallLimits) -> Millis {
        let progress = self.progress_at.saturating_add(limits.write_deadline);
        progress.min(self.window_at.saturating_add(RATE_WINDOW))
    }

    /// Whether the peer is too slow.
    pub(crate) fn is_over(&mut self, now: Millis, taken: u32, limits: StallLimits) -> bool {
        if now >= self.progress_at.saturating_add(limits.write_deadline) {
            return true;
        }
        let window = now.saturating_sub(self.window_at);
        if window >= RATE_WINDOW {
            let took = u64::from(taken.wrapping_sub(self.window_taken));
            if took < limits.least_rate.saturating_mul(window) / 1000 {
                return true;
            }
            self.window_at = now;
            self.window_taken = taken;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StallLimits = StallLimits {
        write_deadline: 10_000,
        least_rate: 1_000,
    };

    #[test]
    fn a_peer_that_takes_nothing_is_over_at_the_write_deadline() {
        let mut stall = Stall::new(500, 7);
        assert_eq!(stall.deadline(LIMITS), 10_500);
        assert!(!stall.is_over(10_499, 7, LIMITS));
        assert_eq!(stall.lasted(10_499), 9_999);
        assert!(stall.is_over(10_500, 7, LIMITS));
    }

    #[test]
    fn progress_puts_the_deadline_off_and_not_the_rate() {
        let mut stall = Stall::new(0, 0);
        for second in 1..10 {
            stall.progress(second * 1_000);
            assert!(!stall.is_over(second * 1_000, 900 * second as u32, LIMITS));
        }
        assert_eq!(stall.deadline(LIMITS), 10_000);
        assert!(!Stall::is_over(&mut stall.clone(), 10_000, 10_000, LIMITS));
        assert!(stall.is_over(10_000, 9_999, LIMITS));
    }

    #[test]
    fn each_window_is_judged_by_itself() {
        let mut stall = Stall::new(0, 0);
        stall.progress(9_000);
        assert!(!stall.is_over(10_000, 50_000, LIMITS));
        stall.progress(19_000);
        assert!(stall.is_over(20_000, 59_999, LIMITS), "the first was fast");
    }

    #[test]
    fn a_window_that_is_looked_at_late_asks_for_as_much_more() {
        let mut stall = Stall::new(0, 0);
        stall.progress(14_999);
        assert!(Stall::is_over(&mut stall.clone(), 15_000, 14_999, LIMITS));
        assert!(!stall.is_over(15_000, 15_000, LIMITS));
    }

    #[test]
    fn the_count_may_begin_anew() {
        let mut stall = Stall::new(0, u32::MAX - 4_999);
        stall.progress(9_999);
        assert!(!stall.is_over(10_000, 5_000, LIMITS));
        stall.progress(19_999);
        assert!(stall.is_over(20_000, 5_001, LIMITS));
    }

    #[test]
    fn without_a_least_rate_only_the_deadline_counts() {
        let limits = StallLimits {
            least_rate: 0,
            ..LIMITS
        };
        let mut stall = Stall::new(0, 0);
        stall.progress(9_000);
        assert!(!stall.is_over(18_999, 0, limits));
        assert!(stall.is_over(19_000, 0, limits));
        assert_eq!(limits.time_for(1), Millis::MAX);
    }

    #[test]
    fn what_is_on_its_way_has_its_time_first() {
        let at = 1_000 + LIMITS.time_for(64_000);
        let mut stall = Stall::new(at, 0);
        assert_eq!((at, stall.lasted(20_000)), (65_000, 0));
        assert!(!stall.is_over(74_999, 0, LIMITS));
        assert!(stall.is_over(75_000, 0, LIMITS));
        assert!(!Stall::new(Millis::MAX, 0).is_over(Millis::MAX - 1, 0, LIMITS));
    }
}
