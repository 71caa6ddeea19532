//! The command line: the only place that prints.

mod client;
mod clock;
mod config;
mod event_stream;
mod exit;
mod keys;
mod openapi;
mod output;
mod publish;
mod secret;
mod serve;
mod signals;
mod tail;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Live events from Atlassian Forge functions to every open browser.
#[derive(Parser)]
#[command(name = "forge-relay", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the relay
    Serve(serve::Serve),
    /// Publish one event, signed as the SDK signs it
    Publish(publish::Publish),
    /// Print a session's events as they come
    Tail(tail::Tail),
    /// Mint and check subscribers' tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Make secrets
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the OpenAPI document, or write all generated documents
    Openapi(openapi::Openapi),
}

const EXAMPLES: &str = "\
Examples:
  export RELAY_SECRET=$(forge-relay keys new)
  forge-relay serve
  forge-relay publish --session abc-123 --event vote.cast '{\"value\": 5}'
  forge-relay tail abc-123
  forge-relay token mint --session abc-123 --account acct-1

Exit codes:
  0  done
  1  refused, or failed for good
  2  wrong usage or configuration; nothing was done
  3  publish: not accepted in time; publishing again with the same --nonce is safe

Secrets are never taken from the command line, where every user of the machine can read them: set
RELAY_SECRET or RELAY_SECRET_FILE, or name a file with --secret-file.";

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => {
            // Help and versions are "errors" to the parser, too; it knows which stream and which code each has.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::from(2), ExitCode::from);
        }
    };
    ExitCode::from(exit as u8)
}

fn run(cli: Cli) -> Exit {
    match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Publish(publish) => publish.run(),
        Command::Tail(tail) => tail.run(),
        Command::Token(token) => token.run(),
        Command::Keys(keys) => keys.run(),
        Command::Config(config) => config.run(),
        Command::Openapi(command) => command.run(),
    }
}
