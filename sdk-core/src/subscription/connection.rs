use super::Transport;
use crate::Cursor;

/// One connection that was opened and not yet closed.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) id: u32,
    pub(super) transport: Transport,
    /// The cursor that it was opened with.
    pub(super) sent: Option<Cursor>,
    /// Its token had been shown before.
    pub(super) token_was_used: bool,
    /// Until when it must have said `relay:ready`.
    pub(super) ready_deadline: u64,
    /// When it did.
    pub(super) ready_at: Option<u64>,
    /// When anything last came.
    pub(super) heard_at: u64,
    /// How long it may say nothing.
    pub(super) silence: u64,
    /// It could not go on from the cursor it was sent: `relay:resync` must come before any event. Holds its own start.
    pub(super) resync_due: Option<Cursor>,
    /// Pages: where the last one ended.
    pub(super) read_to: Option<Cursor>,
    /// Missed events that are still to come.
    pub(super) to_replay: u64,
    /// Pages: where the reading stands.
    pub(super) page: Page,
    /// The renewal of its token.
    pub(super) renewal: Renewal,
}

/// Where a connection that reads pages stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Not such a connection.
    Never,
    /// Read the next one then.
    At(u64),
    /// It must come before then.
    Until(u64),
}

/// Where the renewal of a connection's token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// The relay has not asked for one.
    NotDue,
    /// It has: try then, with a token that the app was asked for after the number `since`.
    Due { since: u32, try_at: u64 },
    /// Sent; the answer must come before then.
    Sent { since: u32, deadline: u64 },
}

impl Connection {
    pub(super) fn is_ready(&self) -> bool {
        self.ready_at.is_some()
    }

    /// It was ready for so long, or longer.
    pub(super) fn has_lived(&self, now: u64, time: u64) -> bool {
        self.ready_at.is_some_and(|at| now >= at + time)
    }

    /// Everything that was missed has come.
    pub(super) fn is_live(&self) -> bool {
        self.is_ready() && self.resync_due.is_none() && self.to_replay == 0
    }

    /// It reads up to the head, and nothing of that is for the app.
    pub(super) fn is_skipping(&self) -> bool {
        self.transport == Transport::Pages && self.sent.is_none() && !self.is_ready()
    }

    /// Until when something must come, or the connection counts as dead.
    pub(super) fn deadline(&self) -> Option<u64> {
        match (self.page, self.ready_at) {
            (Page::Until(at), _) => Some(at),
            (Page::At(_), _) => None,
            (Page::Never, None) => Some(self.ready_deadline),
            (Page::Never, Some(_)) => Some(self.heard_at + self.silence),
        }
    }

    /// One missed event less to come. A page says itself whether another one follows.
    pub(super) fn replayed_one(&mut self) {
        if self.transport != Transport::Pages {
            self.to_replay = self.to_replay.saturating_sub(1);
        }
    }

    /// What was missed will not come.
    pub(super) fn resynced(&mut self) {
        self.resync_due = None;
        self.to_replay = 0;
    }
}
