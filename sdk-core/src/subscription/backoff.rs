//! When to try again: exponential, with full jitter, so that the clients of a relay that restarts do not all come back
//! in the same moment.

/// SplitMix64: small, and good enough to spread attempts; nothing secret depends on it.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly from 0 up to and without `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }

    /// A quarter more or less.
    pub(super) fn about(&mut self, pause: u64) -> u64 {
        pause - pause / 4 + self.below(pause / 2 + 1)
    }
}

/// Counts failures, and says how long to wait after each.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    failures: u32,
    first: u64,
    longest: u64,
}

impl Backoff {
    pub(super) fn new(first: u64, longest: u64) -> Self {
        Self {
            failures: 0,
            first,
            longest,
        }
    }

    /// The pause after one more failure: anything up to the bound of the moment.
    pub(super) fn next(&mut self, dice: &mut Dice) -> u64 {
        let bound = self
            .first
            .saturating_mul(1 << self.failures.min(20))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        dice.below(bound + 1)
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn pauses_spread_over_a_bound_that_doubles_up_to_the_longest() {
        let mut dice = Dice::new(1);
        let mut largest = [0; 10];
        for _ in 0..2_000 {
            let mut backoff = Backoff::new(500, 30_000);
            for seen in &mut largest {
                *seen = backoff.next(&mut dice).max(*seen);
            }
        }
        for (failures, seen) in largest.into_iter().enumerate() {
            let bound = (500 << failures).min(30_000);
            assert!(seen <= bound && seen > bound * 9 / 10, "{failures}: {seen}");
        }
    }

    #[test]
    fn a_pause_that_is_about_stays_within_a_quarter() {
        let mut dice = Dice::new(7);
        let seen: Vec<u64> = (0..1_000).map(|_| dice.about(2_000)).collect();
        assert!(seen.iter().all(|pause| (1_500..=2_500).contains(pause)));
        assert!(seen.iter().max().unwrap() - seen.iter().min().unwrap() > 900);
    }
}
