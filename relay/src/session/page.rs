//! Reading a part of a log at once, without a seat.

use forge_relay_core::{Cursor, ResyncReason};

use super::log::Frame;
use super::session::{Ended, Session};

/// A part of the log, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// The frames of its events.
    pub(crate) frames: Vec<Frame>,
    /// The place after the last of them.
    pub(crate) cursor: Cursor,
    /// Whether more events follow that are in the log already.
    pub(crate) more: bool,
}

/// What bounds a page: how many frames, and how many bytes of them unless there is only one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLimits {
    /// The most frames.
    pub(crate) events: usize,
    /// The most bytes of frames.
    pub(crate) bytes: usize,
}

/// The place that a page was to begin at is not one that the log serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Why.
    pub(crate) reason: ResyncReason,
    /// From where to go on.
    pub(crate) cursor: Cursor,
}

impl Session {
    /// What follows `after`, or the oldest that is held where there is none; `Err` is what is no
    /// cursor at all. To read is to use: the session is kept as if it were published to.
    ///
    /// # Errors
    /// [`Ended`]: it was dropped as idle in between.
    pub(crate) fn read(
        &self,
        after: Option<Result<Cursor, ()>>,
        limits: PageLimits,
    ) -> Result<Result<Page, Gone>, Ended> {
        self.touch();
        if self.members.read().ended {
            return Err(Ended);
        }
        let log = self.log.lock();
        let start = log.start(after);
        if let Some(reason) = start.resync {
            let cursor = log.cursor(start.place);
            return Ok(Err(Gone { reason, cursor }));
        }
        let place = if after.is_some() {
            start.place
        } else {
            log.floor()
        };
        let mut frames = Vec::new();
        log.after(place, limits.bytes, &mut frames);
        frames.truncate(limits.events);
        let end = place + frames.len() as u64;
        Ok(Ok(Page {
            frames,
            cursor: log.cursor(end),
            more: end < log.head(),
        }))
    }
}
