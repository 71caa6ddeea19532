//! The server that the protocols' own test suites talk to: `conformance-server engine|socket|websocket [ADDRESS]`.
#![allow(
    clippy::print_stdout,
    reason = "whoever started it waits for the address"
)]

use std::net::TcpListener;
use std::process::ExitCode;

use forge_relay::conformance::{Suite, serve};

const USAGE: &str = "usage: conformance-server engine|socket|websocket [ADDRESS]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let suite = match arguments.next().as_deref() {
        Some("engine") => Suite::Engine,
        Some("socket") => Suite::Socket,
        Some("websocket") => Suite::WebSocket,
        _ => return Err(USAGE.into()),
    };
    // The official suites know this port only.
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    // One thread, as the server has for which the suites were written: what came first is understood first. They send
    // a poll on one connection and, without waiting for anything, the end on another.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(listener, suite))?;
    Ok(())
}
