//! A check for each reader of what strangers send: it takes any bytes, and panics where a promise is broken.
//!
//! Each holds the reader against something that does not share its code: another implementation (tungstenite), the
//! rules written down once more, or the way back. `cargo xtask fuzz` has libFuzzer look for bytes that break one;
//! `tests/replay.rs` runs what it found interesting so far, on stable Rust, with every `cargo xtask test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a check fails by panicking"
)]

pub mod corpus;
mod cursor;
mod event;
mod frame;
mod json;
mod packet;
mod payload;
pub mod seeds;
mod signature;
mod token;

pub use cursor::cursor;
pub use event::event;
pub use frame::frame;
pub use packet::packet;
pub use payload::payload;
pub use signature::signature;
pub use token::token;

/// A check.
pub type Check = fn(&[u8]);

/// All checks by their names, which are those of the fuzzers and of the files of the corpus.
pub const CHECKS: [(&str, Check); 7] = [
    ("frame", frame),
    ("payload", payload),
    ("packet", packet),
    ("event", event),
    ("cursor", cursor),
    ("token", token),
    ("signature", signature),
];

/// The most bytes that a fuzzer tries; longer seeds are left out.
pub const MAX_INPUT: usize = 4096;

/// The moment of the golden vectors, in Unix seconds.
const NOW: i64 = 1_714_557_600;

/// The two secrets of most golden vectors.
const SECRETS: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= \
                       an-older-secret-of-more-than-32-bytes-in-plain-text";

/// The bytes of the keys in [`SECRETS`].
fn keys() -> [Vec<u8>; 2] {
    let older = "an-older-secret-of-more-than-32-bytes-in-plain-text";
    [(0..32).collect(), older.into()]
}

/// HMAC-SHA256 by the published crates, without sdk-core.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
