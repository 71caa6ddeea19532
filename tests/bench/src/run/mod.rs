//! The orchestrator: every scenario against every peer, round after round, and what comes of it.

mod figures;
mod options;
mod peer;
mod rounds;
mod scenario;
mod server;
mod table;
mod targets;

pub use options::Options;
pub use rounds::{Summary, run};
