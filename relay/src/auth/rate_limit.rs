//! How often: publishes by session, requests by address, connects by account.
//!
//! Each key may go on at its rate, and make up for a pause with five seconds' worth at once. What is remembered of a key
//! is a hash and a time, until its burst is whole again; keys are made by strangers, so there is a most of them.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forge_relay_core::{Code, MAX_BATCH};
use governor::clock::{Clock, MonotonicClock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Refusal;
use crate::config::Limits;
use crate::store::AppIndex;

/// How many seconds' worth may come at once.
const BURST_SECONDS: u32 = 5;
/// The most keys of one kind. Beyond it, no key is limited until old ones are forgotten: a flood of made-up keys must
/// cost neither memory nor those who mean well.
const MOST_KEYS: usize = 1 << 18;
const TIDY_SECONDS: u64 = 10;

/// Rates a second; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Events into one session.
    pub(crate) publish_per_session: u32,
    /// POST requests and reads of logs from one address, or one IPv6 network of 64 bits, which is what one customer has.
    pub(crate) requests_per_address: u32,
    /// Connects of one account of an app.
    pub(crate) connects_per_account: u32,
}

impl From<&Limits> for Rates {
    fn from(limits: &Limits) -> Self {
        Self {
            publish_per_session: limits.publishes_per_session,
            requests_per_address: limits.requests_per_address,
            connects_per_account: limits.connects_per_account,
        }
    }
}

/// All the limits of a relay.
pub(crate) struct RateLimits<C: Clock = MonotonicClock> {
    sessions: Option<Limit<C>>,
    addresses: Option<Limit<C>>,
    accounts: Option<Limit<C>>,
    hasher: RandomState,
}

impl RateLimits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self::with_clock(rates, &MonotonicClock)
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    fn with_clock(rates: Rates, clock: &C) -> Self {
        // A batch counts as many as it has events, and one that is allowed at all must not be too large for ever.
        let batch = u32::try_from(MAX_BATCH).unwrap_or(u32::MAX);
        Self {
            sessions: Limit::new(rates.publish_per_session, batch, clock),
            addresses: Limit::new(rates.requests_per_address, 1, clock),
            accounts: Limit::new(rates.connects_per_account, 1, clock),
            hasher: RandomState::new(),
        }
    }

    /// Whether this many events may go into this session now.
    pub(crate) fn publish(&self, app: AppIndex, session: &str, events: u32) -> Result<(), Refusal> {
        let says = "publish less often into this session, or ask the operator for more";
        check(self.sessions.as_ref(), events, says, || {
            self.hasher.hash_one((app, session))
        })
    }

    /// Whether this address may send another request now: a POST, or one that reads a log.
    pub(crate) fn request(&self, address: IpAddr) -> Result<(), Refusal> {
        let says = "send requests less often from this address, or ask the operator for more";
        check(self.addresses.as_ref(), 1, says, || {
            self.hasher.hash_one(network(address))
        })
    }

    /// Whether this account may connect once more now.
    pub(crate) fn connect(&self, app: AppIndex, account: &str) -> Result<(), Refusal> {
        let says = "connect less often: this account has connected many times just now";
        check(self.accounts.as_ref(), 1, says, || {
            self.hasher.hash_one((app, account))
        })
    }

    /// Whether events into a session are counted at all; where they are not, nobody needs to count them.
    pub(crate) fn counts_events(&self) -> bool {
        self.sessions.is_some()
    }
}

fn check<C: Clock>(
    limit: Option<&Limit<C>>,
    count: u32,
    says: &'static str,
    key: impl FnOnce() -> u64,
) -> Result<(), Refusal> {
    let (Some(limit), Some(count)) = (limit, NonZeroU32::new(count)) else {
        return Ok(());
    };
    limit.check(key(), count).map_err(|wait| Refusal {
        after_ms: Some(
            u64::try_from(wait.as_millis())
                .unwrap_or(u64::MAX)
                .saturating_add(1),
        ),
        ..Refusal::new(Code::RateLimited, says)
    })
}

/// What one stranger has: an IPv4 address, or 64 bits of an IPv6 one.
fn network(address: IpAddr) -> impl Hash {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address)),
        IpAddr::V6(address) => (u128::from(address) >> 64) as u64 | 1 << 63,
    }
}

struct Limit<C: Clock> {
    limiter: RateLimiter<u64, HashMapStateStore<u64>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    since: Instant,
    tidied_at: AtomicU64,
}

impl<C: Clock + Clone> Limit<C> {
    fn new(per_second: u32, least_burst: u32, clock: &C) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = per_second.saturating_mul(BURST_SECONDS).max(least_burst);
        let quota = Quota::per_second(rate).allow_burst(NonZeroU32::new(burst)?);
        Some(Self {
            limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()),
            clock: clock.clone(),
            since: Instant::now(),
            tidied_at: AtomicU64::new(0),
        })
    }
}

impl<C: Clock> Limit<C> {
    /// How long to wait, if not now.
    fn check(&self, key: u64, count: NonZeroU32) -> Result<(), Duration> {
        self.tidy();
        if self.limiter.len() >= MOST_KEYS {
            return Ok(());
        }
        match self.limiter.check_key_n(&key, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(until
                .earliest_possible()
                .duration_since(self.clock.now())
                .into()),
            // More than a burst: no waiting helps, but no caller asks for that.
            Err(_) => Err(Duration::from_secs(u64::from(BURST_SECONDS))),
        }
    }

    /// Now and then, whoever comes by forgets the keys that have their whole burst again.
    fn tidy(&self) {
        let now = self.since.elapsed().as_secs();
        let last = self.tidied_at.load(Ordering::Relaxed);
        if now < last + TIDY_SECONDS {
            return;
        }
        if self
            .tidied_at
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limits(rates: Rates) -> (RateLimits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (RateLimits::with_clock(rates, &clock), clock)
    }

    const OFF: Rates = Rates {
        publish_per_session: 0,
        requests_per_address: 0,
        connects_per_account: 0,
    };

    #[test]
    fn an_account_has_its_burst_then_its_rate_and_no_one_elses() {
        let (limits, clock) = limits(Rates {
            connects_per_account: 10,
            ..OFF
        });
        for _ in 0..50 {
            limits.connect(0, "acct-1").unwrap();
        }
        let refusal = limits.connect(0, "acct-1").unwrap_err();
        assert_eq!(refusal.code.as_str(), "rate_limited");
        assert!(
            refusal.retryable && refusal.after_ms.unwrap() <= 101,
            "{refusal:?}"
        );
        limits.connect(0, "acct-2").unwrap();
        limits.connect(1, "acct-1").unwrap();
        clock.advance(Duration::from_millis(refusal.after_ms.unwrap()));
        limits.connect(0, "acct-1").unwrap();
        limits.connect(0, "acct-1").unwrap_err();
    }

    #[test]
    fn a_whole_batch_always_fits_once_in_a_while() {
        let (limits, clock) = limits(Rates {
            publish_per_session: 1,
            ..OFF
        });
        for _ in 0..3 {
            limits.publish(0, "s", 100).unwrap();
            let refusal = limits.publish(0, "s", 1).unwrap_err();
            limits.publish(0, "other", 1).unwrap();
            assert!(refusal.after_ms.unwrap() <= 1001, "{refusal:?}");
            clock.advance(Duration::from_secs(100));
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let (limits, _) = limits(Rates {
            requests_per_address: 1,
            ..OFF
        });
        for n in 0..5 {
            limits
                .request(format!("2001:db8::{n}").parse().unwrap())
                .unwrap();
        }
        limits.request("2001:db8::6".parse().unwrap()).unwrap_err();
        limits.request("2001:db8:0:1::6".parse().unwrap()).unwrap();
        limits.request("192.0.2.1".parse().unwrap()).unwrap();
    }

    #[test]
    fn zero_is_no_limit() {
        let (limits, _) = limits(OFF);
        for _ in 0..1000 {
            limits.connect(0, "a").unwrap();
            limits.publish(0, "s", 100).unwrap();
            limits.request("192.0.2.1".parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn made_up_keys_are_bounded_and_lock_nobody_out() {
        let (limits, _) = limits(Rates {
            connects_per_account: 1,
            ..OFF
        });
        for n in 0..MOST_KEYS + 10 {
            limits.connect(0, &n.to_string()).unwrap();
        }
        assert!(limits.accounts.unwrap().limiter.len() <= MOST_KEYS);
    }
}
