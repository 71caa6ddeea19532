//! Where logs are numbered and nonces are remembered.
//!
//! A [`Store`] answers for the contract of a publish: all or nothing, each nonce once, seqs without
//! a gap. It tells this replica what was appended through [`Announce`], in the order of the seqs of
//! each session, and the frames that clients get are held there. A store that several replicas share
//! announces what any of them appended.
#![cfg_attr(
    feature = "model",
    allow(
        dead_code,
        unused_imports,
        reason = "the model has no store that fails"
    )
)]

mod memory;
mod nonces;

use std::future::Future;
use std::pin::Pin;

use forge_relay_core::{Cursor, Event, SessionId};
use uuid::Uuid;

pub(crate) use memory::MemoryStore;
pub(crate) use nonces::NonceLimits;

/// Which app, as an index into the configured apps.
pub(crate) type AppIndex = u16;

/// Which session: an id inside an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    /// The app it belongs to.
    pub(crate) app: AppIndex,
    /// Its id there.
    pub(crate) id: SessionId,
}

/// An event on its way into a log.
#[derive(Debug)]
pub(crate) struct NewEvent {
    /// The relay's id for it, a UUIDv7.
    pub(crate) id: Uuid,
    /// What makes two events the same for the nonce memory.
    pub(crate) fingerprint: [u8; 32],
    /// The event as it was published.
    pub(crate) event: Event,
}

/// The answer for one event of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The id under which it is in the log; the first one's where it is a duplicate.
    pub(crate) id: Uuid,
    /// Its place in the log.
    pub(crate) cursor: Cursor,
    /// Whether its nonce was known, so that nothing was appended.
    pub(crate) duplicate: bool,
}

/// Why nothing of an append is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// These events carry a nonce that another event has.
    #[error("a nonce was used for another event")]
    NonceConflict(Vec<usize>),
    /// No further nonce can be remembered for now.
    #[error("the nonce memory is full")]
    NonceMemoryFull {
        /// Seconds until room is likely.
        retry_after: u32,
    },
    /// The log cannot take it now; the same nonce may be published again.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "the store in memory is never unavailable; one elsewhere is"
        )
    )]
    #[error("the log is unavailable")]
    Unavailable {
        /// Seconds until a retry makes sense.
        retry_after: u32,
    },
}

/// The log cannot be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log is unavailable")]
pub(crate) struct Unavailable;

/// A future of a store.
pub(crate) type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// See the module.
pub(crate) trait Store: Send + Sync {
    /// The head of a session's log, which is created where there is none.
    fn open<'a>(&'a self, key: &'a SessionKey) -> StoreFuture<'a, Result<Cursor, Unavailable>>;

    /// Appends events of one app, all or none, and announces each before it answers.
    ///
    /// The caller may be cancelled: what is in the log by then is announced all the same.
    fn append(
        &self,
        app: AppIndex,
        events: Vec<NewEvent>,
    ) -> StoreFuture<'_, Result<Vec<Appended>, AppendError>>;

    /// Ends the life of an idle log, if `drop_frames`, called while nothing can be appended to it,
    /// agrees. Where the log is shared with others, its own expiry decides instead.
    fn forget(&self, key: &SessionKey, drop_frames: &mut dyn FnMut() -> bool);

    /// Bytes of this process that remember nonces.
    fn nonce_bytes(&self) -> usize;
}

/// Where a store announces what was appended.
pub(crate) trait Announce: Send + Sync {
    /// `event` is in the log of its session at `cursor`. Called in the order of the seqs.
    fn appended(&self, app: AppIndex, event: &NewEvent, cursor: Cursor);

    /// No more was appended for now: the readers of these sessions can have it. Called without any
    /// lock of the store.
    fn deliver(&self, app: AppIndex, sessions: &[SessionId]);
}
