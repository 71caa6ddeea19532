//! The heart: logs with readers.
//!
//! A publish appends to a session's [log](log). Every connection is a [reader](Reader) with an
//! [outbox](outbox), its place in that log. One *pump* a session offers new frames to the readers
//! that are at the head; a reader that cannot take them is *behind* and catches up by itself.
//! Nothing here knows HTTP, Socket.IO or Redis: frames are opaque, readers and the store are traits.

mod budget;
mod hub;
mod log;
#[cfg(all(test, feature = "model"))]
mod model;
mod outbox;
mod page;
mod pump;
#[expect(
    clippy::module_inception,
    reason = "it holds the session, and nothing else"
)]
mod session;
mod sync;
#[cfg(all(test, not(feature = "model")))]
mod testing;

pub(crate) use hub::{Hub, HubLimits, PublishError};
pub(crate) use log::{Frame, LogLimits};
pub(crate) use outbox::{Batch, Link, Outbox, Progress, Run};
pub(crate) use page::{Gone, PageLimits};
pub(crate) use session::{Joined, Reader, Seat, Session};
