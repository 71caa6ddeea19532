//! The relay measured against its peers, in one run: `cargo xtask bench`.
//!
//! `README.md` beside this crate says what each peer is, how every figure is taken, and what makes a run invalid.

pub mod hostile;
pub mod load;
pub mod peers;
pub mod run;

mod histogram;
mod os;
mod stamp;
mod token;
mod usage;
mod websocket;

pub use os::end_with_parent;
