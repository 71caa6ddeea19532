//! Counts of durations with a relative error below 1 %, in constant memory.

use serde::{Deserialize, Serialize};

const SUB_BUCKET_BITS: u32 = 7;
const LARGEST: u64 = (1 << 40) - 1;

/// Durations in microseconds; each power of two is split into 128 buckets.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    largest: u64,
}

/// The usual places of a distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// Half are at or below this.
    pub p50: u64,
    /// 99 % are at or below this.
    pub p99: u64,
    /// 99.9 % are at or below this.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let last = bucket(LARGEST);
        Self {
            buckets: vec![0; last + 1],
            count: 0,
            largest: 0,
        }
    }

    pub(crate) fn record(&mut self, micros: u64) {
        let micros = micros.min(LARGEST);
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.largest = self.largest.max(micros);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.largest = self.largest.max(other.largest);
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles {
            p50: self.quantile(0.5),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            max: self.largest,
        }
    }

    fn quantile(&self, share: f64) -> u64 {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_edge(index).min(self.largest);
            }
        }
        self.largest
    }
}

fn bucket(micros: u64) -> usize {
    let shift = (u64::BITS - micros.leading_zeros()).saturating_sub(SUB_BUCKET_BITS + 1);
    ((shift as usize) << SUB_BUCKET_BITS) + (micros >> shift) as usize
}

fn upper_edge(bucket: usize) -> u64 {
    let shift = (bucket >> SUB_BUCKET_BITS).saturating_sub(1);
    let sub = bucket - (shift << SUB_BUCKET_BITS);
    ((sub as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_at_or_below_its_bucket_s_edge_and_within_one_percent() {
        for micros in (0..100_000).chain([1 << 20, (1 << 30) + 12_345, LARGEST]) {
            let edge = upper_edge(bucket(micros));
            assert!(edge >= micros, "{micros} above its edge {edge}");
            assert!(
                (edge - micros) as f64 <= micros as f64 * 0.01,
                "{micros} far from {edge}"
            );
        }
    }

    #[test]
    fn quantiles_of_one_to_a_thousand() {
        let mut histogram = Histogram::new();
        (1..=1_000).for_each(|micros| histogram.record(micros));
        let found = histogram.quantiles();
        assert!((500..=505).contains(&found.p50), "{found:?}");
        assert!((990..=1_000).contains(&found.p99), "{found:?}");
        assert_eq!(found.max, 1_000);
    }
}
