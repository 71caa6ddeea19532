//! The client's side of a session, without I/O: what to connect, with which token, from which cursor, and which events
//! the app may see.
//!
//! A [`Subscription`] is told what happened (a token came, a connection said `relay:ready`, an event arrived, a timer
//! ran out) and answers with [`Action`]s. Its clock and its randomness are arguments, so the browser's two forms, a
//! test and a simulation run the same code, and the same inputs always give the same actions.
//!
//! What it promises to the app: the events it hands out are a gap-free chain, each exactly once and in order, from the
//! cursor of the first `relay:ready` on, or from the cursor of the latest [`Action::Resync`]. Whatever a network or a
//! relay does to a connection, an event that does not fit the chain is never handed out: a repeated one is dropped,
//! and before a missing one the connection is replaced, to have the relay send what is missing or say that it is gone.
//!
//! ```
//! use forge_relay_core::subscription::{Action, Options, Subscription, Transport, Verdict};
//! use forge_relay_core::{Cursor, Epoch};
//!
//! let mut subscription = Subscription::new(Options::default(), 42);
//! subscription.start(0);
//! let Some(Action::FetchToken { ticket }) = subscription.next_action() else { panic!() };
//! let Some(Action::Status(_)) = subscription.next_action() else { panic!() }; // connecting
//! subscription.token(80, ticket, "header.claims.signature");
//! let Some(Action::Open { connection, transport: Transport::Websocket, .. }) = subscription.next_action() else { panic!() };
//!
//! let head = Cursor { epoch: Epoch(7), seq: 41 };
//! subscription.ready(120, connection, &head.to_string(), false, 0);
//! let next = Cursor { seq: 42, ..head }.to_string();
//! assert_eq!(subscription.event(150, connection, 42, &next), Verdict::Deliver);
//! assert_eq!(subscription.event(151, connection, 42, &next), Verdict::Skip); // the same once more
//! ```

mod action;
mod backoff;
mod connection;
mod ladder;
mod machine;
mod options;
mod place;
mod speech;
mod status;
mod step;
mod token;

pub use action::{Action, Verdict};
pub use ladder::Transport;
pub use machine::Subscription;
pub use options::Options;
pub use status::{State, Status};
