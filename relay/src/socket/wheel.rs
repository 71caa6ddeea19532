//! One timer wheel for all connections: pings, deadlines and the ends of tokens.
//!
//! An entry is a weak pointer in the slot of its tick. A connection has one time at which it wants to
//! be looked at; where that comes nearer it is entered again, and the older entry finds nothing due.
//! An idle connection costs 8 bytes here, and no timer of the runtime.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How late a connection may be looked at.
const TICK: Duration = Duration::from_millis(50);
/// How far ahead the wheel reaches: 51 s. What is later goes round again.
const SLOTS: u64 = 1024;

/// Milliseconds since the wheel began.
pub(crate) type Millis = u64;

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

    pub(crate) fn now(&self) -> Millis {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has `who` looked at at `at`, or one tick later; before that where it is beyond the wheel's reach.
    pub(crate) fn enter(&self, who: Weak<T>, at: Millis) {
        let tick = at.div_ceil(tick_millis());
        let mut slots = self.slots.lock();
        let tick = tick.clamp(slots.served + 1, slots.served + SLOTS - 1);
        let slot = usize::try_from(tick % SLOTS).unwrap_or(0);
        slots.slots[slot].push(who);
    }

    /// Everyone whose time has come.
    fn take_due(&self) -> Vec<Weak<T>> {
        let now = self.now() / tick_millis();
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
            for (index, who) in self.take_due().into_iter().enumerate() {
                if let Some(who) = who.upgrade() {
                    who.due(self.now());
                }
                if index % 256 == 255 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

fn tick_millis() -> u64 {
    u64::try_from(TICK.as_millis()).unwrap_or(1)
}
