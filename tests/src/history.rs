//! Judges a recorded history against the promise: a client never silently misses, repeats or reorders an event.
//!
//! Tests record what publishers were told (receipts) and what each client saw, over all its connections. [`violations`]
//! knows nothing of timing: it asks whether each client's story can be true in one order of events per session.

use std::collections::BTreeMap;

/// A cursor, taken apart: `epoch` names one life of a log, `seq` counts inside it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The log's life.
    pub epoch: String,
    /// The newest event that one has.
    pub seq: u64,
}

impl Place {
    /// Reads a cursor's text; tests may look into what clients must not.
    #[must_use]
    pub fn of(cursor: &str) -> Option<Self> {
        let (epoch, seq) = cursor.split_once('-')?;
        Some(Self {
            epoch: epoch.to_owned(),
            seq: seq.parse().ok()?,
        })
    }
}

/// What a publisher was told: this event is in the log, at this place.
#[derive(Clone, Debug)]
pub struct Published {
    /// The session it was published to.
    pub session: String,
    /// The receipt's `id`.
    pub id: String,
    /// The receipt's `cursor`.
    pub place: Place,
}

/// What a client saw, in the order in which it saw it.
#[derive(Clone, Debug)]
pub enum Seen {
    /// `relay:ready` of a connection.
    Ready {
        /// Where this connection starts.
        place: Place,
        /// Whether it goes on from the cursor it sent.
        recovered: bool,
    },
    /// `relay:resync`: the place from which it goes on.
    Resync {
        /// The place that the relay named.
        place: Place,
    },
    /// An envelope.
    Event {
        /// The envelope's `sessionId`.
        session: String,
        /// The envelope's `id`.
        id: String,
        /// The envelope's `cursor`.
        place: Place,
    },
}

/// One client's story, over all its connections.
#[derive(Clone, Debug)]
pub struct Client {
    /// How a violation calls it.
    pub name: String,
    /// The session of its token.
    pub session: String,
    /// What it saw.
    pub seen: Vec<Seen>,
    /// Whether it was connected, and given time, until nothing more came: then it must have everything.
    pub finished: bool,
}

/// A broken promise. Each names the client and the place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Violation {
    /// Events between `after` and `got` are missing, and no resync said so.
    Hole {
        /// The client.
        client: String,
        /// The last place that it had.
        after: Place,
        /// The place that came next.
        got: Place,
    },
    /// An event that the client already had.
    Repeat {
        /// The client.
        client: String,
        /// The event's place.
        place: Place,
    },
    /// An event of another life of the log, without a resync between.
    Jump {
        /// The client.
        client: String,
        /// The last place that it had.
        after: Place,
        /// The place that came next.
        got: Place,
    },
    /// An event of a session that the client has no token for.
    ForeignSession {
        /// The client.
        client: String,
        /// The session of the event.
        session: String,
    },
    /// Two different events at one place, as two clients, or a client and a receipt, have it.
    Disagreement {
        /// The client that has it otherwise.
        client: String,
        /// The place.
        place: Place,
    },
    /// `recovered` was said, and the place is not where the client was.
    FalseRecovery {
        /// The client.
        client: String,
        /// Where it was.
        was: Place,
        /// Where the relay let it go on.
        place: Place,
    },
    /// A client that came back with a place was put elsewhere, and no resync said so.
    SilentRestart {
        /// The client.
        client: String,
        /// Where it was.
        was: Place,
    },
    /// The client saw an event before any `relay:ready`.
    NotReady {
        /// The client.
        client: String,
    },
    /// A client that was given time lacks the newest events of its session.
    Missing {
        /// The client.
        client: String,
        /// Where it ended.
        at: Place,
        /// The newest receipt of its session.
        newest: Place,
    },
    /// Two receipts for one place, or one id at two places.
    TwoReceipts {
        /// The place of the later one.
        place: Place,
    },
}

/// Every broken promise of the recorded history. Events without a receipt are fine, since a publisher may hang up before
/// its answer, as long as all clients agree on them.
#[must_use]
pub fn violations(published: &[Published], clients: &[Client]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut truth = Truth::default();
    let mut places: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut newest: BTreeMap<&str, &Place> = BTreeMap::new();
    for receipt in published {
        let same_place = truth.agrees(&receipt.session, &receipt.place, &receipt.id);
        let same_id = places
            .insert(&receipt.id, &receipt.place)
            .is_none_or(|known| *known == receipt.place);
        if !same_place || !same_id {
            found.push(Violation::TwoReceipts {
                place: receipt.place.clone(),
            });
        }
        let best = newest.entry(&receipt.session).or_insert(&receipt.place);
        if receipt.place.seq > best.seq {
            *best = &receipt.place;
        }
    }
    for client in clients {
        let mut reader = Reader {
            client,
            truth: &mut truth,
            found: &mut found,
            at: None,
            lost: None,
        };
        for seen in &client.seen {
            reader.see(seen);
        }
        let (at, lost) = (reader.at, reader.lost);
        if let Some(was) = lost {
            found.push(Violation::SilentRestart {
                client: client.name.clone(),
                was,
            });
        }
        if let (true, Some(at), Some(newest)) =
            (client.finished, at, newest.get(client.session.as_str()))
            && (at.epoch != newest.epoch || at.seq < newest.seq)
        {
            found.push(Violation::Missing {
                client: client.name.clone(),
                at,
                newest: (*newest).clone(),
            });
        }
    }
    found
}

/// Which event is where: the first to say so decides, everybody else must agree.
#[derive(Default)]
struct Truth(BTreeMap<(String, Place), String>);

impl Truth {
    fn agrees(&mut self, session: &str, place: &Place, id: &str) -> bool {
        self.0
            .entry((session.to_owned(), place.clone()))
            .or_insert_with(|| id.to_owned())
            == id
    }
}

struct Reader<'a> {
    client: &'a Client,
    truth: &'a mut Truth,
    found: &'a mut Vec<Violation>,
    at: Option<Place>,
    /// The place it came back with, while the relay owes it a resync.
    lost: Option<Place>,
}

impl Reader<'_> {
    fn see(&mut self, seen: &Seen) {
        let client = || self.client.name.clone();
        match seen {
            Seen::Ready { place, recovered } => {
                match self.at.take() {
                    Some(was) if *recovered && was != *place => {
                        self.found.push(Violation::FalseRecovery {
                            client: client(),
                            was,
                            place: place.clone(),
                        });
                    }
                    Some(was) if !*recovered => self.lost = Some(was),
                    _ => {}
                }
                self.at = Some(place.clone());
            }
            Seen::Resync { place } => {
                self.lost = None;
                self.at = Some(place.clone());
            }
            Seen::Event { session, id, place } => {
                if *session != self.client.session {
                    self.found.push(Violation::ForeignSession {
                        client: client(),
                        session: session.clone(),
                    });
                    return;
                }
                if let Some(was) = self.lost.take() {
                    self.found.push(Violation::SilentRestart {
                        client: client(),
                        was,
                    });
                }
                self.step(place);
                if !self.truth.agrees(session, place, id) {
                    self.found.push(Violation::Disagreement {
                        client: client(),
                        place: place.clone(),
                    });
                }
            }
        }
    }

    /// From where the client is to `got`, which must be the next place.
    fn step(&mut self, got: &Place) {
        let client = self.client.name.clone();
        let (got, Some(after)) = (got.clone(), self.at.clone()) else {
            self.found.push(Violation::NotReady { client });
            return;
        };
        if got.epoch != after.epoch {
            self.found.push(Violation::Jump {
                client,
                after,
                got: got.clone(),
            });
        } else if got.seq <= after.seq {
            // The place stays: what follows is judged by what the client already had.
            self.found.push(Violation::Repeat { client, place: got });
            return;
        } else if got.seq != after.seq + 1 {
            self.found.push(Violation::Hole {
                client,
                after,
                got: got.clone(),
            });
        }
        self.at = Some(got);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: u64) -> Place {
        Place {
            epoch: "e".to_owned(),
            seq,
        }
    }

    fn receipts(count: u64) -> Vec<Published> {
        (1..=count)
            .map(|seq| Published {
                session: "s".to_owned(),
                id: format!("id{seq}"),
                place: place(seq),
            })
            .collect()
    }

    fn ready(seq: u64, recovered: bool) -> Seen {
        Seen::Ready {
            place: place(seq),
            recovered,
        }
    }

    fn event(seq: u64) -> Seen {
        Seen::Event {
            session: "s".to_owned(),
            id: format!("id{seq}"),
            place: place(seq),
        }
    }

    fn judge(seen: Vec<Seen>) -> Vec<Violation> {
        let client = Client {
            name: "c".to_owned(),
            session: "s".to_owned(),
            seen,
            finished: true,
        };
        violations(&receipts(4), &[client])
    }

    #[test]
    fn a_whole_history_is_clean_also_across_connections() {
        let seen = vec![
            ready(0, false),
            event(1),
            event(2),
            ready(2, true),
            event(3),
            event(4),
        ];
        assert_eq!(judge(seen), []);
    }

    #[test]
    fn a_resync_excuses_what_is_missing() {
        let seen = vec![
            ready(0, false),
            event(1),
            ready(3, false),
            Seen::Resync { place: place(3) },
            event(4),
        ];
        assert_eq!(judge(seen), []);
    }

    #[test]
    fn a_gap_is_a_hole() {
        let found = judge(vec![ready(0, false), event(1), event(3), event(4)]);
        assert_eq!(
            found,
            [Violation::Hole {
                client: "c".into(),
                after: place(1),
                got: place(3)
            }]
        );
    }

    #[test]
    fn an_event_that_was_already_there_is_a_repeat() {
        let found = judge(vec![
            ready(0, false),
            event(1),
            event(2),
            event(1),
            event(3),
            event(4),
        ]);
        assert_eq!(
            found,
            [Violation::Repeat {
                client: "c".into(),
                place: place(1)
            }]
        );
    }

    #[test]
    fn a_swap_is_a_hole_and_a_repeat() {
        let found = judge(vec![
            ready(0, false),
            event(2),
            event(1),
            event(3),
            event(4),
        ]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn the_end_counts_when_a_client_was_given_time() {
        let found = judge(vec![ready(0, false), event(1), event(2), event(3)]);
        assert_eq!(
            found,
            [Violation::Missing {
                client: "c".into(),
                at: place(3),
                newest: place(4)
            }]
        );
    }

    #[test]
    fn starting_anew_without_a_word_is_a_violation() {
        let found = judge(vec![ready(0, false), event(1), ready(3, false), event(4)]);
        assert_eq!(
            found,
            [Violation::SilentRestart {
                client: "c".into(),
                was: place(1)
            }]
        );
        let found = judge(vec![ready(0, false), event(1), ready(4, false)]);
        assert_eq!(
            found,
            [Violation::SilentRestart {
                client: "c".into(),
                was: place(1)
            }]
        );
    }

    #[test]
    fn recovered_must_be_true() {
        let found = judge(vec![
            ready(0, false),
            event(1),
            ready(2, true),
            event(3),
            event(4),
        ]);
        assert_eq!(
            found,
            [Violation::FalseRecovery {
                client: "c".into(),
                was: place(1),
                place: place(2)
            }]
        );
    }

    #[test]
    fn another_session_and_another_truth_are_seen() {
        let foreign = Seen::Event {
            session: "t".to_owned(),
            id: "x".to_owned(),
            place: place(1),
        };
        let found = judge(vec![ready(4, false), foreign]);
        assert_eq!(
            found,
            [Violation::ForeignSession {
                client: "c".into(),
                session: "t".into()
            }]
        );
        let forged = Seen::Event {
            session: "s".to_owned(),
            id: "x".to_owned(),
            place: place(4),
        };
        let found = judge(vec![ready(3, false), forged]);
        assert_eq!(
            found,
            [Violation::Disagreement {
                client: "c".into(),
                place: place(4)
            }]
        );
    }

    #[test]
    fn one_place_has_one_receipt() {
        let mut published = receipts(2);
        published.push(Published {
            session: "s".to_owned(),
            id: "other".to_owned(),
            place: place(2),
        });
        assert_eq!(
            violations(&published, &[]),
            [Violation::TwoReceipts { place: place(2) }]
        );
    }
}
