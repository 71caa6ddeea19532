//! What the relay must reach, in the same run as its peers.

use serde::Serialize;

use super::figures::{Figure, Runs};
use super::peer::Peer;
use super::scenario::Scenario;
use crate::hostile::Neighbours;

/// A target and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    /// What was measured, as text.
    pub(super) measured: String,
}

/// What became of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Reached.
    Pass,
    /// Missed.
    Miss,
    /// Valid figures that it needs are not there.
    Unknown,
}

/// All targets of the scenarios that were run.
pub(super) fn judge(runs: &Runs, scenarios: &[Scenario]) -> Vec<Target> {
    use Figure::{ConnectMicros, CpuMicros, KibPerConnection, P99Millis, PerSecond};
    use Peer::{Floor, Node};
    use Scenario::{Crowd, Flood, Hostile, Idle, Steady};

    let at_most = |limit: f64| move |value: f64| value <= limit;
    let of_floor = |scenario, figure| runs.ratio(scenario, figure, Peer::Relay, Floor);
    let of_node = |scenario, figure| runs.ratio(scenario, figure, Peer::Relay, Node);
    let all = [
        (
            Idle,
            compare(
                "RSS per idle connection ≤ 3 KiB",
                own(runs, Idle, KibPerConnection),
                at_most(3.0),
                " KiB",
            ),
        ),
        (
            Idle,
            compare(
                "CPU to connect ≤ 1.5 × floor",
                of_floor(Idle, ConnectMicros),
                at_most(1.5),
                " × floor",
            ),
        ),
        (
            Idle,
            compare(
                "CPU to connect ≤ 1/15 of Node (0.067)",
                of_node(Idle, ConnectMicros),
                at_most(1.0 / 15.0),
                " × Node",
            ),
        ),
        (
            Steady,
            compare(
                "steady: CPU per delivery ≤ 1.2 × floor",
                of_floor(Steady, CpuMicros),
                at_most(1.2),
                " × floor",
            ),
        ),
        (
            Flood,
            compare(
                "flood: CPU per delivery ≤ 0.6 × floor",
                of_floor(Flood, CpuMicros),
                at_most(0.6),
                " × floor",
            ),
        ),
        (
            Flood,
            compare(
                "flood: deliveries/s ≥ 4 × Node",
                of_node(Flood, PerSecond),
                |ratio| ratio >= 4.0,
                " × Node",
            ),
        ),
        (
            Flood,
            unbroken(
                runs,
                Flood,
                "flood: 0 lost (a resync counts), 0 order breaks",
            ),
        ),
        (
            Crowd,
            compare(
                "crowd: p99 ≤ floor's",
                of_floor(Crowd, P99Millis),
                at_most(1.0),
                " × floor",
            ),
        ),
        (
            Hostile,
            compare(
                "hostile: p99 ≤ 2 × alone, whoever is there",
                worst(runs),
                at_most(2.0),
                " × alone",
            ),
        ),
        (
            Hostile,
            unbroken(runs, Hostile, "hostile: 0 lost, 0 cut, 0 order breaks"),
        ),
    ];
    all.into_iter()
        .filter(|(scenario, _)| scenarios.contains(scenario))
        .map(|(_, target)| target)
        .collect()
}

/// The relay's own figure, if it is valid.
fn own(runs: &Runs, scenario: Scenario, figure: Figure) -> Option<f64> {
    runs.median(scenario, Peer::Relay, figure)
        .filter(|median| !median.invalid)
        .map(|median| median.value)
}

fn compare(
    name: &'static str,
    value: Option<f64>,
    reached: impl Fn(f64) -> bool,
    unit: &str,
) -> Target {
    let verdict = match value {
        Some(value) if reached(value) => Verdict::Pass,
        Some(_) => Verdict::Miss,
        None => Verdict::Unknown,
    };
    Target {
        name,
        verdict,
        measured: value.map_or("no valid figures".to_owned(), |value| {
            format!("{value:.3}{unit}")
        }),
    }
}

/// The largest of the healthy clients' ratios beside any neighbours; nothing where a kind of them has no figures.
fn worst(runs: &Runs) -> Option<f64> {
    Neighbours::ALL
        .iter()
        .map(|neighbours| runs.beside(Some(*neighbours), Figure::P99Millis).1)
        .try_fold(0.0, |worst: f64, ratio| Some(worst.max(ratio?)))
}

/// Every round counts here, also those that are invalid.
fn unbroken(runs: &Runs, scenario: Scenario, name: &'static str) -> Target {
    let all: Vec<_> = runs.of(scenario, Peer::Relay).collect();
    let reports: Vec<_> = all.iter().filter_map(|run| run.report.as_ref()).collect();
    let lost: u64 = reports
        .iter()
        .map(|report| report.faults.missing() + report.faults.closed)
        .sum();
    let breaks: u64 = reports
        .iter()
        .map(|report| report.faults.order_breaks())
        .sum();
    let verdict = if lost + breaks > 0 {
        Verdict::Miss
    } else if all.is_empty() || reports.len() < all.len() {
        Verdict::Unknown
    } else {
        Verdict::Pass
    };
    Target {
        name,
        verdict,
        measured: format!(
            "{lost} lost, {breaks} order breaks in {} of {} rounds",
            reports.len(),
            all.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::samples::flood;
    use super::*;

    fn verdicts(runs: Vec<super::super::figures::Run>) -> Vec<Verdict> {
        judge(&Runs(runs), &[Scenario::Flood])
            .iter()
            .map(|target| target.verdict)
            .collect()
    }

    #[test]
    fn flood_targets_are_reached_missed_or_unknown() {
        use Verdict::{Miss, Pass, Unknown};
        let relay = |lost| flood(1, Peer::Relay, 1.0, lost);
        assert_eq!(
            verdicts(vec![
                relay(0),
                flood(1, Peer::Floor, 2.0, 0),
                flood(1, Peer::Node, 3.9, 0)
            ]),
            [Pass, Miss, Pass]
        );
        assert_eq!(verdicts(vec![relay(0)]), [Unknown, Unknown, Pass]);
        assert_eq!(
            verdicts(vec![relay(1), flood(1, Peer::Floor, 2.0, 0)]),
            [Unknown, Unknown, Miss]
        );
        assert_eq!(verdicts(vec![]), [Unknown, Unknown, Unknown]);
    }
}
