//! The nonces of one app: what makes publishing again safe.
//!
//! A nonce is remembered for at least the configured time, by a digest, in generations that are
//! forgotten whole. When the memory is full, new nonces are refused; none is forgotten early.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use forge_relay_core::Cursor;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What an entry costs, with the table's own overhead at its usual load.
const ENTRY_BYTES: usize = 128;

/// How many generations share the time that a nonce is remembered.
const GENERATIONS: u32 = 10;

/// How long and how many nonces are remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NonceLimits {
    /// How long at least.
    pub(crate) age: Duration,
    /// The memory of one app for them, in bytes.
    pub(crate) bytes: usize,
}

/// 128 bits of SHA-256: an app cannot make two of its nonces meet.
type Key = [u8; 16];

/// What was answered the first time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remembered {
    pub(super) fingerprint: Key,
    pub(super) id: Uuid,
    pub(super) cursor: Cursor,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Generation {
    began: Instant,
    entries: HashMap<Key, Remembered>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Nonces {
    limits: NonceLimits,
    /// Oldest first; the last one takes new entries.
    generations: Vec<Generation>,
    count: usize,
}

/// The short form of a digest, by which entries are kept.
pub(super) fn short(digest: &[u8; 32]) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// The key of a nonce.
pub(super) fn key(nonce: &str) -> Key {
    short(&Sha256::digest(nonce.as_bytes()).into())
}

impl Nonces {
    pub(super) fn new(limits: NonceLimits) -> Self {
        Self {
            limits,
            generations: Vec::new(),
            count: 0,
        }
    }

    fn span(&self) -> Duration {
        self.limits.age / GENERATIONS
    }

    /// Forgets generations whose youngest entry is old enough.
    pub(super) fn expire(&mut self, now: Instant) {
        let keep = self.limits.age + self.span();
        let expired = self
            .generations
            .iter()
            .take_while(|generation| now.saturating_duration_since(generation.began) > keep)
            .count();
        for generation in self.generations.drain(..expired) {
            self.count -= generation.entries.len();
        }
    }

    /// What is remembered costs about this much.
    pub(super) fn bytes(&self) -> usize {
        self.count * ENTRY_BYTES
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Remembered> {
        self.generations
            .iter()
            .rev()
            .find_map(|generation| generation.entries.get(key))
    }

    /// Whether `more` entries fit; else the seconds until the oldest generation is forgotten.
    pub(super) fn room(&self, more: usize, now: Instant) -> Result<(), u32> {
        if (self.count + more) * ENTRY_BYTES <= self.limits.bytes {
            return Ok(());
        }
        let wait = self.generations.first().map_or(Duration::ZERO, |oldest| {
            (oldest.began + self.limits.age + self.span()).saturating_duration_since(now)
        });
        Err(u32::try_from(wait.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1))
    }

    pub(super) fn insert(&mut self, key: Key, remembered: Remembered, now: Instant) {
        let span = self.span();
        let fresh = self
            .generations
            .last()
            .is_none_or(|last| now.saturating_duration_since(last.began) > span);
        if fresh {
            self.generations.push(Generation {
                began: now,
                entries: HashMap::new(),
            });
        }
        if let Some(last) = self.generations.last_mut()
            && last.entries.insert(key, remembered).is_none()
        {
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use forge_relay_core::Epoch;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn remembered() -> Remembered {
        let cursor = Cursor {
            epoch: Epoch(1),
            seq: 1,
        };
        Remembered {
            fingerprint: [0; 16],
            id: Uuid::nil(),
            cursor,
        }
    }

    const LIMITS: NonceLimits = NonceLimits {
        age: Duration::from_secs(600),
        bytes: 1280,
    };

    #[test]
    fn a_nonce_is_remembered_for_the_whole_time_and_then_forgotten() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut nonces = Nonces::new(LIMITS);
        nonces.insert(key("a"), remembered(), at(0));
        nonces.insert(key("b"), remembered(), at(59));
        nonces.insert(key("c"), remembered(), at(300));
        nonces.expire(at(659));
        assert!(nonces.get(&key("b")).is_some(), "59 + 600 s are not over");
        nonces.expire(at(661));
        assert!(nonces.get(&key("a")).is_none());
        assert!(nonces.get(&key("c")).is_some());
        assert_eq!(nonces.count, 1);
    }

    #[test]
    fn a_full_memory_refuses_and_says_when_to_come_again() {
        let start = Instant::now();
        let mut nonces = Nonces::new(LIMITS);
        for n in 0..10 {
            assert_eq!(nonces.room(1, start), Ok(()));
            nonces.insert(key(&n.to_string()), remembered(), start);
        }
        assert_eq!(nonces.room(1, start), Err(661));
        assert_eq!(nonces.room(0, start), Ok(()));
        nonces.expire(start + Duration::from_secs(661));
        assert_eq!(nonces.room(1, start), Ok(()));
    }

    #[test]
    fn who_comes_again_when_told_finds_room() {
        let start = Instant::now();
        let mut nonces = Nonces::new(LIMITS);
        for n in 0..10 {
            nonces.insert(
                key(&n.to_string()),
                remembered(),
                start + Duration::from_secs(n * 50),
            );
        }
        for asked in [500, 600, 659] {
            let now = start + Duration::from_secs(asked);
            let wait = nonces.room(1, now).unwrap_err();
            let then = now + Duration::from_secs(u64::from(wait));
            assert!(
                then <= start + Duration::from_secs(662),
                "no later than needed"
            );
            let mut later = nonces.clone();
            later.expire(then);
            assert_eq!(later.room(1, then), Ok(()));
        }
        assert_eq!(
            Nonces::new(NonceLimits { bytes: 0, ..LIMITS }).room(1, start),
            Err(1)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 200,
            rng_seed: RngSeed::Fixed(10),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn none_is_forgotten_early_or_kept_for_long(
            steps in vec((0_u64..90_000, 0_u8..40), 1..100),
        ) {
            let limits = NonceLimits { bytes: 1 << 20, ..LIMITS };
            let mut nonces = Nonces::new(limits);
            let mut now = Instant::now();
            let mut written = HashMap::new();
            for (pass, name) in steps {
                now += Duration::from_millis(pass);
                nonces.expire(now);
                for (name, at) in &written {
                    let age = now.duration_since(*at);
                    let known = nonces.get(&key(&format!("{name}"))).is_some();
                    prop_assert!(known || age > limits.age, "forgotten early");
                    let longest = limits.age + 2 * nonces.span();
                    prop_assert!(!known || age <= longest, "kept for long");
                }
                let nonce = key(&name.to_string());
                if nonces.get(&nonce).is_none() {
                    nonces.insert(nonce, remembered(), now);
                    written.insert(name, now);
                }
                let held: usize = nonces.generations.iter().map(|one| one.entries.len()).sum();
                prop_assert_eq!(nonces.bytes(), held * ENTRY_BYTES);
                prop_assert!(nonces.generations.len() <= GENERATIONS as usize + 2);
            }
        }
    }
}
