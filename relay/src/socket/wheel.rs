//! One timer wheel for all connections: pings, deadlines and the ends of tokens.
//!
//! An entry is a weak pointer in the slot of its tick. A connection has one time at which it wants to
//! be looked at; where that comes nearer it is entered again, and the older entry finds nothing due.
//! An idle connection costs 8 bytes here, and no timer of the runtime.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::stall::{Millis, millis};

/// How late a connection may be looked at.
const TICK: Duration = Duration::from_millis(50);
/// How late someone is looked at, at the most, as long as the machine keeps up with what is due: by two ticks. A crowd
/// that is due at once takes its time, and whoever is due behind it waits for as long: at 10 to 50 µs each, 1,000 that
/// are pinged or cut are 50 ms at the most.
pub(crate) const LATE: Millis = 100;
/// How many are looked at before others have their turn. Each may set its connection's task going, to be taken away or
/// to come back: were many to begin at once, whatever is published then would wait for all of them. Those of one tick are
/// spread over the time until the next.
const SLICE: usize = 16;
/// How far ahead the wheel reaches: 51 s. What is later goes round again.
const SLOTS: u64 = 1024;

/// Who is looked at when its time has come.
pub(crate) trait Timed: Send + Sync {
    fn due(self: Arc<Self>, now: Millis);
}

struct Slots<T> {
    /// The tick that was served last.
    served: u64,
    slots: Vec<Vec<Weak<T>>>,
}

/// See the module.
pub(crate) struct Wheel<T> {
    began: Instant,
    slots: Mutex<Slots<T>>,
}

impl<T: Timed> Wheel<T> {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self {
            began: Instant::now(),
            slots: Mutex::new(Slots { served: 0, slots }),
        }
    }

    /// Milliseconds since the wheel began.
    pub(crate) fn now(&self) -> Millis {
        millis(self.began.elapsed())
    }

    /// Has `who` looked at at `at`, or one tick later. Answers that time, or an earlier one where
    /// `at` is beyond the wheel's reach: then whoever is looked at enters again.
    pub(crate) fn enter(&self, who: Weak<T>, at: Millis) -> Millis {
        let tick = at.div_ceil(tick_millis());
        let mut slots = self.slots.lock();
        let tick = tick.clamp(slots.served + 1, slots.served + SLOTS - 1);
        let slot = usize::try_from(tick % SLOTS).unwrap_or(0);
        slots.slots[slot].push(who);
        at.min(tick * tick_millis())
    }

    /// Everyone whose time has come by `now`.
    fn take_due(&self, now: Millis) -> Vec<Weak<T>> {
        let now = now / tick_millis();
        let mut slots = self.slots.lock();
        let mut due = Vec::new();
        while slots.served < now {
            slots.served += 1;
            let slot = usize::try_from(slots.served % SLOTS).unwrap_or(0);
            due.append(&mut std::mem::take(&mut slots.slots[slot]));
        }
        due
    }

    /// Turns until it is dropped.
    pub(crate) async fn turn(&self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let began = tokio::time::Instant::now();
            let due = self.take_due(self.now());
            let slices = due.chunks(SLICE);
            let each = TICK / u32::try_from(slices.len()).unwrap_or(u32::MAX).max(1);
            for (number, slice) in (0_u32..).zip(slices) {
                if number > 0 {
                    pause_until(began + each * number).await;
                }
                for who in slice.iter().filter_map(Weak::upgrade) {
                    who.due(self.now());
                }
            }
        }
    }
}

/// Lets others have their turn, at the least.
async fn pause_until(then: tokio::time::Instant) {
    // What is nearer than the runtime's own timers tell apart.
    const NOW: Duration = Duration::from_millis(1);
    if then.saturating_duration_since(tokio::time::Instant::now()) > NOW {
        tokio::time::sleep_until(then).await;
    } else {
        tokio::task::yield_now().await;
    }
}

fn tick_millis() -> u64 {
    millis(TICK)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const TICK_MS: Millis = 50;
    const REACH: Millis = (SLOTS - 1) * TICK_MS;

    /// Notes when it was looked at, and tells who waits for that.
    #[derive(Default)]
    struct Watch {
        seen: Mutex<Vec<Millis>>,
        told: tokio::sync::Notify,
    }

    impl Watch {
        fn seen(&self) -> Vec<Millis> {
            self.seen.lock().clone()
        }
    }

    impl Timed for Watch {
        fn due(self: Arc<Self>, now: Millis) {
            self.seen.lock().push(now);
            self.told.notify_one();
        }
    }

    fn serve<T: Timed>(wheel: &Wheel<T>, now: Millis) {
        for who in wheel.take_due(now) {
            if let Some(who) = who.upgrade() {
                who.due(now);
            }
        }
    }

    fn entered(wheel: &Wheel<Watch>, at: Millis) -> (Arc<Watch>, Millis) {
        let watch = Arc::new(Watch::default());
        let until = wheel.enter(Arc::downgrade(&watch), at);
        (watch, until)
    }

    #[test]
    fn an_entry_costs_one_pointer() {
        assert_eq!(size_of::<Weak<Watch>>(), size_of::<usize>());
    }

    #[test]
    fn an_entry_is_served_once_at_its_time_or_one_tick_later() {
        for at in [1, 49, 50, 51, 100, 12_345, REACH - 1, REACH] {
            let wheel = Wheel::new();
            let (watch, until) = entered(&wheel, at);
            assert_eq!(until, at);
            for now in (0..at + 2 * TICK_MS).step_by(7) {
                serve(&wheel, now);
            }
            let seen = watch.seen();
            assert_eq!(seen.len(), 1, "{at}");
            assert!((at..at + TICK_MS + 7).contains(&seen[0]), "{at}: {seen:?}");
        }
    }

    #[test]
    fn what_is_due_already_is_served_with_the_next_tick() {
        for at in [0, 500, 1_000] {
            let wheel = Wheel::new();
            serve(&wheel, 1_000);
            let (watch, until) = entered(&wheel, at);
            assert_eq!(until, at);
            serve(&wheel, 1_000);
            assert!(watch.seen().is_empty());
            serve(&wheel, 1_000 + TICK_MS);
            assert_eq!(watch.seen(), [1_000 + TICK_MS]);
        }
    }

    /// Enters again until its time has come, as a connection does.
    struct Far {
        wheel: Arc<Wheel<Far>>,
        me: Weak<Far>,
        at: Millis,
        armed: Mutex<Millis>,
        rounds: Mutex<Vec<Millis>>,
    }

    impl Timed for Far {
        fn due(self: Arc<Self>, now: Millis) {
            let mut armed = self.armed.lock();
            assert!(now >= *armed, "no earlier than the wheel said");
            self.rounds.lock().push(now);
            if now < self.at {
                *armed = self.wheel.enter(self.me.clone(), self.at);
            }
        }
    }

    #[test]
    fn who_waits_for_longer_than_the_wheel_reaches_goes_round_again() {
        for at in [REACH + 1, 60_000, 10 * 60_000] {
            let wheel = Arc::new(Wheel::new());
            let far = Arc::new_cyclic(|me| Far {
                wheel: Arc::clone(&wheel),
                me: me.clone(),
                at,
                armed: Mutex::new(0),
                rounds: Mutex::default(),
            });
            let armed = wheel.enter(Arc::downgrade(&far), at);
            assert_eq!(armed, REACH);
            *far.armed.lock() = armed;
            for now in (0..at + 2 * TICK_MS).step_by(20) {
                serve(&wheel, now);
            }
            let rounds = far.rounds.lock();
            let last = *rounds.last().unwrap();
            assert!((at..at + TICK_MS + 20).contains(&last), "{rounds:?}");
            assert!(
                rounds.len() as u64 <= at.div_ceil(REACH),
                "no more rounds than it takes"
            );
        }
    }

    /// Wants to be looked at again at once.
    struct Again {
        wheel: Arc<Wheel<Again>>,
        me: Weak<Again>,
        rounds: Mutex<Vec<Millis>>,
    }

    impl Timed for Again {
        fn due(self: Arc<Self>, now: Millis) {
            self.rounds.lock().push(now);
            self.wheel.enter(self.me.clone(), now);
        }
    }

    #[test]
    fn who_enters_again_while_served_waits_for_the_next_tick() {
        let wheel = Arc::new(Wheel::new());
        let again = Arc::new_cyclic(|me| Again {
            wheel: Arc::clone(&wheel),
            me: me.clone(),
            rounds: Mutex::default(),
        });
        wheel.enter(Arc::downgrade(&again), 0);
        for now in [50, 60, 100, 149, 150] {
            serve(&wheel, now);
        }
        assert_eq!(*again.rounds.lock(), [50, 100, 150]);
    }

    #[test]
    fn who_is_gone_is_passed_over_and_forgotten() {
        let wheel = Wheel::new();
        let (watch, _) = entered(&wheel, 100);
        let (stays, _) = entered(&wheel, 100);
        let gone = Arc::downgrade(&watch);
        drop(watch);
        serve(&wheel, 100);
        assert_eq!(stays.seen(), [100]);
        assert_eq!(
            (gone.weak_count(), Arc::weak_count(&stays)),
            (0, 0),
            "no entry is left"
        );
        assert!(
            wheel
                .slots
                .lock()
                .slots
                .iter()
                .all(|slot| slot.capacity() == 0)
        );
    }

    #[test]
    fn a_clock_that_leaps_serves_everyone_once() {
        let wheel = Wheel::new();
        let watches: Vec<_> = (0..200).map(|n| entered(&wheel, n * 250).0).collect();
        serve(&wheel, 5 * REACH);
        serve(&wheel, 6 * REACH);
        for watch in &watches {
            assert_eq!(watch.seen(), [5 * REACH]);
        }
        let (late, until) = entered(&wheel, 6 * REACH + 100);
        assert_eq!(until, 6 * REACH + 100);
        serve(&wheel, until);
        assert_eq!(late.seen(), [until]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 300,
            rng_seed: RngSeed::Fixed(8),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn whoever_enters_whenever_is_served_once_and_in_time(
            steps in vec((1_u64..400, proptest::option::of(0_u64..2 * REACH)), 1..200),
        ) {
            let wheel = Wheel::new();
            let mut now = 0;
            let mut entries = Vec::new();
            for (pass, ahead) in &steps {
                now += pass;
                serve(&wheel, now);
                if let Some(ahead) = ahead {
                    let at = now + ahead;
                    let (watch, until) = entered(&wheel, at);
                    prop_assert!(until == at || (until < at && until + TICK_MS > now + REACH));
                    entries.push((watch, until));
                }
            }
            let end = now + 3 * REACH;
            while now < end {
                now += 37;
                serve(&wheel, now);
            }
            for (watch, until) in &entries {
                let seen = watch.seen();
                prop_assert_eq!(seen.len(), 1);
                prop_assert!((*until..=until + TICK_MS + 400).contains(&seen[0]));
            }
        }
    }

    #[tokio::test]
    async fn a_turning_wheel_serves() {
        let wheel = Wheel::new();
        let (watch, until) = entered(&wheel, wheel.now() + 60);
        let served = async {
            tokio::select! {
                () = wheel.turn() => {}
                () = watch.told.notified() => {}
            }
        };
        tokio::time::timeout(Duration::from_secs(10), served)
            .await
            .unwrap();
        assert!(watch.seen()[0] >= until);
    }

    /// Counts how many were looked at since somebody else had a turn.
    struct Counted(Arc<std::sync::atomic::AtomicUsize>);

    impl Timed for Counted {
        fn due(self: Arc<Self>, _: Millis) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_crowd_that_is_due_at_once_is_spread_over_a_tick() {
        const SLICES: usize = 10;
        let wheel = Wheel::new();
        let crowd: Vec<_> = (0..SLICES * SLICE)
            .map(|_| Arc::new(Watch::default()))
            .collect();
        for who in &crowd {
            wheel.enter(Arc::downgrade(who), 0);
        }
        let last = async {
            for who in &crowd {
                who.told.notified().await;
            }
        };
        tokio::select! {
            () = wheel.turn() => {}
            () = last => {}
        }
        for (number, slice) in (0..).zip(crowd.chunks(SLICE)) {
            let earliest = TICK_MS + number * TICK_MS / SLICES as Millis;
            for who in slice {
                let at = who.seen()[0];
                // The runtime's timers tell whole milliseconds apart.
                assert!(at + 1 >= earliest, "slice {number} at {at} ms");
            }
        }
    }

    #[tokio::test]
    async fn a_crowd_that_is_due_at_once_leaves_others_their_turns() {
        const CROWD: usize = 1_000;
        let wheel = Wheel::new();
        let looked_at = Arc::default();
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| Arc::new(Counted(Arc::clone(&looked_at))))
            .collect();
        for who in &crowd {
            wheel.enter(Arc::downgrade(who), 0);
        }
        let others = async {
            let (mut all, mut most) = (0, 0);
            while all < CROWD {
                let since = looked_at.swap(0, std::sync::atomic::Ordering::Relaxed);
                all += since;
                most = most.max(since);
                tokio::task::yield_now().await;
            }
            most
        };
        let most = async {
            tokio::select! {
                biased; // always in this order
                () = wheel.turn() => 0,
                most = others => most,
            }
        };
        let most = tokio::time::timeout(Duration::from_secs(10), most).await;
        assert_eq!(most.unwrap(), SLICE);
    }
}
