//! The contract of Forge Relay.
