use serde::Serialize;

use super::{Status, Transport};
use crate::{Cursor, ResyncReason};

/// What to do now, in this order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Action {
    /// Ask the app for a token; answer with `token` or `token_failed` and this ticket.
    FetchToken {
        /// Tells this question from earlier ones.
        ticket: u32,
    },
    /// Open a connection.
    Open {
        /// Its name in every further input and action.
        connection: u32,
        /// What kind.
        transport: Transport,
        /// The token to show.
        token: String,
        /// Where to go on from; `None` for the head.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// Close a connection and say no more of it.
    Close {
        /// Which.
        connection: u32,
    },
    /// Send `relay:refresh`; answer with `refreshed` or `refresh_refused`.
    Refresh {
        /// On which connection.
        connection: u32,
        /// The new token.
        token: String,
    },
    /// Read a page of the log; answer with an `event` for each of its events and then `page`, or with `resync`, `refused`
    /// or `lost`.
    ReadPage {
        /// Which connection does so.
        connection: u32,
        /// After this place; `None` from the oldest event kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// Tell the app that what it missed is gone: it must load its state again. Events go on after `cursor`.
    Resync {
        /// Why.
        reason: ResyncReason,
        /// Where it goes on.
        cursor: Cursor,
    },
    /// Tell the app how things stand.
    Status(Status),
}

/// What becomes of an event that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the app, after the actions that wait.
    Deliver,
    /// The app has it already, or will have it from another connection.
    Skip,
}
