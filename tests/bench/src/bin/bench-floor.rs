//! The floor: accept, then one write of one prepared frame for each client.

use std::io;

use clap::Parser as _;
use forge_relay_bench::peers::floor::{Options, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    forge_relay_bench::end_with_parent();
    let options = Options::parse();
    serve(
        TcpListener::bind(options.bind).await?,
        TcpListener::bind(options.publish_bind).await?,
        options.fault,
    )
    .await
}
