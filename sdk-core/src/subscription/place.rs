//! Where the app stands: the rule by which an event may be handed out.

use crate::{Cursor, ResyncReason};

/// How often a missing event is asked for again at one place before it counts as gone.
const ASK_AGAIN: u32 = 3;

#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The app has everything up to here; `None` until the first connection says where it starts.
    at: Option<Cursor>,
    /// How many connections in a row left out the event that comes next.
    gaps: u32,
    /// The app must be told of a resync with the next place we learn of.
    owed: Option<ResyncReason>,
}

/// How an event stands to the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is the next one, and the place has moved past it.
    Next,
    /// The app has it.
    Had,
    /// Something is missing before it, or it is no event of this log.
    Gap,
}

impl Place {
    pub(super) fn new(at: Option<Cursor>) -> Self {
        Self {
            at,
            ..Self::default()
        }
    }

    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.at
    }

    /// How many events the app has beyond this place.
    pub(super) fn beyond(&self, place: Cursor) -> u64 {
        let same_log = self.at.filter(|at| at.epoch == place.epoch);
        same_log.map_or(0, |at| at.seq.saturating_sub(place.seq))
    }

    /// Tries to move past the event at `cursor`.
    pub(super) fn take(&mut self, cursor: Cursor) -> Fit {
        let Some(at) = self.at else {
            return Fit::Gap;
        };
        if at.epoch != cursor.epoch || cursor.seq > at.seq + 1 {
            return Fit::Gap;
        }
        if cursor.seq <= at.seq {
            return Fit::Had;
        }
        self.at = Some(cursor);
        self.gaps = 0;
        Fit::Next
    }

    /// The relay says where things go on; the app must be told.
    pub(super) fn jump(&mut self, to: Cursor) {
        self.owed = None;
        self.gaps = 0;
        self.at = Some(to);
    }

    /// A connection that we sent no cursor starts here; answers the resync that the app is owed.
    pub(super) fn start(&mut self, at: Cursor) -> Option<ResyncReason> {
        self.at = Some(at);
        self.gaps = 0;
        self.owed.take()
    }

    /// An event was left out. Asking for it again and again would be no better than having lost it, so it then counts
    /// as gone.
    pub(super) fn gap(&mut self) {
        self.gaps += 1;
        if self.gaps >= ASK_AGAIN && self.at.take().is_some() {
            self.gaps = 0;
            self.owed = Some(ResyncReason::Trimmed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    fn at(seq: u64) -> Cursor {
        let epoch = Epoch(5);
        Cursor { epoch, seq }
    }

    #[test]
    fn only_the_next_event_of_the_same_epoch_fits() {
        let mut place = Place::new(Some(at(3)));
        assert_eq!(place.take(at(5)), Fit::Gap);
        assert_eq!(place.take(at(3)), Fit::Had);
        assert_eq!(
            place.take(Cursor {
                epoch: Epoch(6),
                seq: 4
            }),
            Fit::Gap
        );
        assert_eq!(place.take(at(4)), Fit::Next);
        assert_eq!(place.take(at(4)), Fit::Had);
        assert_eq!(place.cursor(), Some(at(4)));
        assert_eq!(Place::default().take(at(1)), Fit::Gap);
    }

    #[test]
    fn an_event_that_is_left_out_three_times_is_gone_and_the_app_is_owed_a_resync() {
        let mut place = Place::new(Some(at(3)));
        place.gap();
        place.gap();
        assert_eq!(place.cursor(), Some(at(3)));
        place.gap();
        assert_eq!(place.cursor(), None);
        assert_eq!(place.start(at(9)), Some(ResyncReason::Trimmed));
        assert_eq!(place.start(at(9)), None);
    }

    #[test]
    fn progress_forgives_gaps() {
        let mut place = Place::new(Some(at(0)));
        for seq in 1..20 {
            place.gap();
            place.gap();
            assert_eq!(place.take(at(seq)), Fit::Next);
        }
    }
}
