//! Servers to measure the relay against. All take `RELAY_BIND` and `RELAY_SECRET`, the publishes of the brief, and stock
//! Socket.IO clients; the one in Node is in `peers/node`.

pub mod floor;
pub mod socketioxide;

mod publish;
