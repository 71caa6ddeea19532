//! The contract of Forge Relay: what is said, and who may say it.
//!
//! Everything here is pure: no I/O, no clock and no randomness of its own (they are arguments), so that the server,
//! Node and the browser run the same code. What needs a secret is behind the feature `keys`, JSON Schemas behind
//! `schema`.
//!
//! ```
//! use forge_relay_core::{Cursor, Envelope, Epoch, Event, Rules};
//!
//! let body = br#"{ "sessionId": "abc-123", "event": "vote.cast", "payload": { "value": 5.0 },
//!                  "nonce": "0b9c", "timestamp": "2024-05-01T10:00:00Z" }"#;
//! let event = Event::parse(body, &Rules::default(), 1_714_557_600)?;
//! assert_eq!(event.payload.as_str(), r#"{"value":5.0}"#);
//!
//! let cursor = Cursor { epoch: Epoch(1), seq: 1 };
//! let mut json = Vec::new();
//! Envelope::new(&event, "018f-…", cursor).write_json(&mut json);
//! # Ok::<(), forge_relay_core::EventError>(())
//! ```

#[macro_use]
mod text;

mod body;
mod claims;
mod code;
mod cursor;
mod envelope;
mod event;
mod event_name;
mod field;
pub mod message;
mod nonce;
mod page;
mod payload;
mod problem;
mod receipt;
pub mod request;
mod session_id;
pub mod subscription;
mod timestamp;

#[cfg(feature = "keys")]
mod hs256;
#[cfg(feature = "keys")]
mod key;
#[cfg(feature = "keys")]
mod key_ring;
#[cfg(feature = "keys")]
pub mod publisher;
#[cfg(feature = "keys")]
pub mod signature;
#[cfg(feature = "keys")]
pub mod token;

#[cfg(feature = "schema")]
pub mod schema;

pub use body::{BodyError, EventError};
pub use claims::{Claims, SUBSCRIBE};
pub use code::{Code, ResyncReason};
pub use cursor::{Cursor, CursorError, Epoch, MAX_SEQ};
pub use envelope::Envelope;
pub use event::{Event, MAX_BATCH, Rules};
pub use event_name::EventName;
pub use field::{FieldCode, FieldError, Violation};
#[cfg(feature = "keys")]
pub use key::{Key, KeyError};
#[cfg(feature = "keys")]
pub use key_ring::{KeyRing, SecretError};
pub use nonce::Nonce;
pub use page::EventPage;
pub use payload::{MAX_DEPTH, Payload};
pub use problem::Problem;
pub use receipt::{Receipt, Receipts};
pub use session_id::SessionId;
pub use timestamp::Timestamp;
