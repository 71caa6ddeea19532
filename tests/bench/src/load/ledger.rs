//! Who has seen what: the judge of every delivery.

use super::report::Faults;
use crate::stamp::Stamp;

/// What the clients of one reader have seen.
pub(crate) struct Ledger {
    publishers: usize,
    /// The highest number seen, for each client and publisher.
    seen: Vec<u32>,
    clients: Vec<Client>,
    faults: Faults,
}

struct Client {
    session: u16,
    /// Digest of everything seen, in the order seen: equal for clients that saw the same.
    order: u64,
    /// Numbers that were skipped and have not come yet.
    gaps: Vec<Gap>,
}

struct Gap {
    publisher: u16,
    first: u32,
    last: u32,
}

/// How one client's history compares with those of its session.
pub(crate) struct History {
    pub(crate) session: u16,
    pub(crate) order: u64,
    /// Only whole histories can be compared.
    pub(crate) whole: bool,
}

impl Ledger {
    pub(crate) fn new(sessions: impl Iterator<Item = u16>, publishers: usize) -> Self {
        let clients: Vec<Client> = sessions
            .map(|session| Client {
                session,
                order: 0,
                gaps: Vec::new(),
            })
            .collect();
        Self {
            publishers,
            seen: vec![0; clients.len() * publishers],
            clients,
            faults: Faults::default(),
        }
    }

    /// An event arrived at a client.
    pub(crate) fn event(&mut self, client: usize, stamp: Stamp) {
        let record = &mut self.clients[client];
        if stamp.session != record.session {
            self.faults.misrouted += 1;
            return;
        }
        if usize::from(stamp.publisher) >= self.publishers {
            self.faults.garbled += 1;
            return;
        }
        let place = u64::from(stamp.publisher) << 32 | u64::from(stamp.number);
        record.order = (record.order.rotate_left(5) ^ place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let seen = &mut self.seen[client * self.publishers + usize::from(stamp.publisher)];
        if stamp.number == *seen + 1 {
            *seen = stamp.number;
        } else if stamp.number > *seen {
            record.gaps.push(Gap {
                publisher: stamp.publisher,
                first: *seen + 1,
                last: stamp.number - 1,
            });
            *seen = stamp.number;
        } else if record.fill(stamp) {
            self.faults.out_of_order += 1;
        } else {
            self.faults.repeated += 1;
        }
    }

    /// Something else that should not have happened.
    pub(crate) fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// The end: what is still missing of `accepted(session, publisher)` events is lost.
    pub(crate) fn close(mut self, accepted: impl Fn(u16, usize) -> u32) -> (Faults, Vec<History>) {
        let mut histories = Vec::with_capacity(self.clients.len());
        for (client, seen) in self.clients.iter().zip(self.seen.chunks(self.publishers)) {
            let skipped: u64 = client.gaps.iter().map(Gap::len).sum();
            let tail: u64 = seen
                .iter()
                .enumerate()
                .map(|(publisher, seen)| {
                    u64::from(accepted(client.session, publisher).saturating_sub(*seen))
                })
                .sum();
            self.faults.lost += skipped + tail;
            histories.push(History {
                session: client.session,
                order: client.order,
                whole: skipped + tail == 0,
            });
        }
        (self.faults, histories)
    }
}

impl Client {
    /// A number below the highest: true when it was missing.
    fn fill(&mut self, stamp: Stamp) -> bool {
        let Some(index) = self.gaps.iter().rposition(|gap| {
            gap.publisher == stamp.publisher && (gap.first..=gap.last).contains(&stamp.number)
        }) else {
            return false;
        };
        let Gap {
            publisher,
            first,
            last,
        } = self.gaps.swap_remove(index);
        let pieces = [(first, stamp.number - 1), (stamp.number + 1, last)];
        self.gaps.extend(
            pieces
                .into_iter()
                .filter(|(first, last)| first <= last)
                .map(|(first, last)| Gap {
                    publisher,
                    first,
                    last,
                }),
        );
        true
    }
}

impl Gap {
    fn len(&self) -> u64 {
        u64::from(self.last - self.first) + 1
    }
}

/// Clients whose whole history is not the one that most whole histories of their session are.
pub(crate) fn disagreeing(histories: &[History]) -> u64 {
    let mut whole: Vec<(u16, u64)> = histories
        .iter()
        .filter(|history| history.whole)
        .map(|history| (history.session, history.order))
        .collect();
    whole.sort_unstable();
    whole
        .chunk_by(|a, b| a.0 == b.0)
        .map(|session| {
            let most = session
                .chunk_by(|a, b| a.1 == b.1)
                .map(<[_]>::len)
                .max()
                .unwrap_or(0);
            (session.len() - most) as u64
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(session: u16, publisher: u16, number: u32) -> Stamp {
        Stamp {
            session,
            publisher,
            number,
            sent_micros: 0,
        }
    }

    /// Plays the same events to two clients of session 0, then others to the second; 3 events of publisher 0 and 1 of
    /// publisher 1 were accepted.
    fn judged(first: &[(u16, u32)], second: &[(u16, u32)]) -> Faults {
        let mut ledger = Ledger::new([0, 0].into_iter(), 2);
        for (client, events) in [first, second].into_iter().enumerate() {
            for &(publisher, number) in events {
                ledger.event(client, stamp(0, publisher, number));
            }
        }
        let (mut faults, histories) =
            ledger.close(|_, publisher| if publisher == 0 { 3 } else { 1 });
        faults.disagreeing = disagreeing(&histories);
        faults
    }

    const GOOD: &[(u16, u32)] = &[(0, 1), (1, 1), (0, 2), (0, 3)];

    #[test]
    fn the_same_whole_order_has_no_faults() {
        assert_eq!(judged(GOOD, GOOD), Faults::default());
    }

    #[test]
    fn a_skipped_event_and_a_missing_last_one_are_lost() {
        let faults = judged(GOOD, &[(0, 1), (0, 3)]);
        assert_eq!(
            faults,
            Faults {
                lost: 2,
                ..Faults::default()
            }
        );
    }

    #[test]
    fn an_event_that_comes_late_is_out_of_order_and_not_lost() {
        let faults = judged(GOOD, &[(1, 1), (0, 3), (0, 1), (0, 2)]);
        assert_eq!(
            (faults.lost, faults.out_of_order, faults.repeated),
            (0, 2, 0)
        );
        assert_eq!(faults.disagreeing, 1);
    }

    #[test]
    fn an_event_that_comes_again_is_repeated() {
        let faults = judged(GOOD, &[(0, 1), (1, 1), (0, 1), (0, 2), (0, 3)]);
        assert_eq!(
            (faults.lost, faults.out_of_order, faults.repeated),
            (0, 0, 1)
        );
    }

    #[test]
    fn clients_that_saw_publishers_interleave_differently_disagree() {
        let faults = judged(GOOD, &[(1, 1), (0, 1), (0, 2), (0, 3)]);
        assert_eq!(
            faults,
            Faults {
                disagreeing: 1,
                ..Faults::default()
            }
        );
    }

    #[test]
    fn an_event_of_another_session_is_misrouted() {
        let mut ledger = Ledger::new([0].into_iter(), 1);
        ledger.event(0, stamp(1, 0, 1));
        let (faults, _) = ledger.close(|_, _| 0);
        assert_eq!(
            faults,
            Faults {
                misrouted: 1,
                ..Faults::default()
            }
        );
    }
}
