//! A plain relay on socketioxide.

use std::io;

use clap::Parser as _;
use forge_relay_bench::peers::socketioxide::{Options, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    forge_relay_bench::end_with_parent();
    let options = Options::parse();
    serve(TcpListener::bind(options.bind).await?, options.secret).await
}
