//! The load generator and the peers.
