use std::path::PathBuf;

use clap::Parser;

use super::peer::{Peer, Programs};
use super::scenario::Scenario;
use crate::hostile::Neighbours;

/// Measures the relay and its peers in one run, interleaved, and prints medians, ratios and targets.
///
/// `cargo xtask bench` builds what this needs and passes its arguments on.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", version)]
pub struct Options {
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    pub scenario: Vec<Scenario>,
    /// Only these peers; targets that need others get no verdict
    #[arg(long, value_enum, value_delimiter = ',')]
    pub peer: Vec<Peer>,
    /// Only these bad neighbours in `hostile`, and nobody; its target gets a verdict beside all of them
    #[arg(long, value_enum, value_delimiter = ',')]
    pub neighbours: Vec<Neighbours>,
    /// How often everything is measured; 3, or 1 when quick
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// One round, a few seconds for each run: to see that it works, not to quote
    #[arg(long)]
    pub quick: bool,
    /// Writes every figure of every run to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The relay's binary, if it is not beside this one
    #[arg(long, value_name = "FILE")]
    pub relay: Option<PathBuf>,
    /// The Node that runs the brief's design
    #[arg(long, value_name = "FILE", default_value = "node")]
    pub node: PathBuf,
}

impl Options {
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        Scenario::ALL
            .into_iter()
            .filter(|scenario| self.scenario.is_empty() || self.scenario.contains(scenario))
            .collect()
    }

    pub(super) fn peers(&self) -> Vec<Peer> {
        Peer::ALL
            .into_iter()
            .filter(|peer| self.peer.is_empty() || self.peer.contains(peer))
            .collect()
    }

    /// Whom a scenario's clients have beside them, one after the other; first nobody.
    pub(super) fn neighbours(&self, scenario: Scenario) -> Vec<Option<Neighbours>> {
        let asked = |beside: &Option<Neighbours>| {
            beside.is_none_or(|bad| self.neighbours.is_empty() || self.neighbours.contains(&bad))
        };
        scenario.neighbours().into_iter().filter(asked).collect()
    }

    pub(super) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    pub(super) fn programs(&self) -> Result<Programs, String> {
        let here = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
        let folder = here.parent().unwrap_or(&here).to_owned();
        let relay = match &self.relay {
            // The relay runs in a folder of its own.
            Some(relay) => std::path::absolute(relay).map_err(|error| error.to_string())?,
            None => folder.join("forge-relay"),
        };
        Ok(Programs {
            relay,
            folder,
            node: self.node.clone(),
        })
    }
}
