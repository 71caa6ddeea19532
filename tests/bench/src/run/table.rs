//! The figures for people.

use std::fmt::Write as _;

use super::figures::{Figure, Run, Runs};
use super::peer::Peer;
use super::scenario::Scenario;
use super::targets::{Target, Verdict};
use crate::hostile::Neighbours;

const FIRST: usize = 28;
const COLUMN: usize = 14;
const RATIO: usize = 20;

/// Medians, ratios, targets, and what to know about the runs.
pub(super) fn print(
    runs: &Runs,
    scenarios: &[Scenario],
    peers: &[Peer],
    targets: &[Target],
) -> String {
    let mut out = String::new();
    for &scenario in scenarios {
        let asked: Vec<Peer> = (peers.iter().copied())
            .filter(|peer| scenario.is_for(*peer))
            .collect();
        if scenario == Scenario::Hostile {
            neighbours(&mut out, runs);
        } else {
            medians(&mut out, runs, scenario, &asked);
        }
    }
    verdicts(&mut out, targets);
    remarks(&mut out, runs, scenarios, peers);
    out
}

/// One line about one run, for the progress.
pub(super) fn line(run: &Run) -> String {
    let Some(report) = &run.report else {
        return format!("failed: {}", run.error.as_deref().unwrap_or("no reason"));
    };
    let figures: Vec<String> = Figure::of(run.scenario)
        .iter()
        .filter_map(|figure| {
            let value = number(figure.value(report)?);
            Some(format!("{}: {value}", figure.title()))
        })
        .collect();
    let mut line = figures.join(" · ");
    if !report.invalid.is_empty() {
        let _ = write!(line, " · INVALID: {}", report.invalid.join("; "));
    }
    if let Some(error) = &run.error {
        let _ = write!(line, " · FAILED: {error}");
    }
    line
}

// Writing to a String does not fail, here and below.

fn medians(out: &mut String, runs: &Runs, scenario: Scenario, peers: &[Peer]) {
    let ratios: Vec<Peer> = peers
        .iter()
        .copied()
        .filter(|peer| *peer != Peer::Relay && peers.contains(&Peer::Relay))
        .collect();
    let _ = writeln!(out, "\n{}", scenario.title());
    let _ = write!(out, "{:FIRST$}", "");
    for peer in peers {
        let _ = write!(out, "{:>COLUMN$}", peer.name());
    }
    for peer in &ratios {
        let _ = write!(
            out,
            "{:>width$}",
            format!("relay/{}", peer.name()),
            width = RATIO
        );
    }
    out.push('\n');
    for &figure in Figure::of(scenario) {
        let _ = write!(out, "  {:width$}", figure.title(), width = FIRST - 2);
        for &peer in peers {
            let cell = runs
                .median(scenario, peer, figure)
                .map_or("–".to_owned(), |median| {
                    let mark = if median.invalid { "!" } else { "" };
                    format!("{}{mark}", number(median.value))
                });
            let _ = write!(out, "{cell:>COLUMN$}");
        }
        for &peer in &ratios {
            let cell = runs
                .ratio(scenario, figure, Peer::Relay, peer)
                .map_or("–".to_owned(), |ratio| format!("{ratio:.3}"));
            let _ = write!(out, "{cell:>width$}", width = RATIO);
        }
        out.push('\n');
    }
    if !matches!(scenario, Scenario::Idle | Scenario::PollingIdle) {
        count(out, runs, scenario, peers, "lost, in all rounds", |run| {
            run.report
                .as_ref()
                .map_or(0, |report| report.faults.missing())
        });
        count(
            out,
            runs,
            scenario,
            peers,
            "order breaks, likewise",
            |run| {
                run.report
                    .as_ref()
                    .map_or(0, |report| report.faults.order_breaks())
            },
        );
    }
    count(out, runs, scenario, peers, "valid rounds", |run| {
        u64::from(run.is_valid())
    });
}

/// The healthy clients' figures beside each kind of bad neighbours.
fn neighbours(out: &mut String, runs: &Runs) {
    let _ = writeln!(out, "\n{}", Scenario::Hostile.title());
    let figures = [Figure::P50Millis, Figure::P99Millis, Figure::PeakMib];
    let _ = write!(out, "{:FIRST$}", "");
    for figure in figures {
        let _ = write!(out, "{:>COLUMN$}{:>COLUMN$}", figure.title(), "/ nobody");
    }
    out.push('\n');
    for beside in Scenario::Hostile.neighbours() {
        let name = beside.map_or("nobody", Neighbours::name);
        let _ = write!(out, "  {name:width$}", width = FIRST - 2);
        for figure in figures {
            let (value, ratio) = runs.beside(beside, figure);
            let value = value.map_or("–".to_owned(), number);
            let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            let _ = write!(out, "{value:>COLUMN$}{ratio:>COLUMN$}");
        }
        out.push('\n');
    }
}

fn count(
    out: &mut String,
    runs: &Runs,
    scenario: Scenario,
    peers: &[Peer],
    title: &str,
    value: impl Fn(&Run) -> u64,
) {
    let _ = write!(out, "  {title:width$}", width = FIRST - 2);
    for &peer in peers {
        let sum: u64 = runs.of(scenario, peer).map(&value).sum();
        let _ = write!(out, "{:>COLUMN$}", number(sum as f64));
    }
    out.push('\n');
}

fn verdicts(out: &mut String, targets: &[Target]) {
    if !targets.is_empty() {
        let _ = writeln!(out, "\ntargets");
    }
    for target in targets {
        let verdict = match target.verdict {
            Verdict::Pass => "pass",
            Verdict::Miss => "MISS",
            Verdict::Unknown => "?",
        };
        let _ = writeln!(out, "  {verdict:6}{:52}{}", target.name, target.measured);
    }
}

/// Why runs do not count, and what else their reader should know; said once for the rounds of a scenario and a peer.
fn remarks(out: &mut String, runs: &Runs, scenarios: &[Scenario], peers: &[Peer]) {
    let mut lines = Vec::new();
    for &scenario in scenarios {
        for &peer in peers {
            let mut said: Vec<(String, u32)> = Vec::new();
            for run in runs.of(scenario, peer) {
                let report = run.report.as_ref();
                let invalid = report.into_iter().flat_map(|report| &report.invalid);
                let notes = report.into_iter().flat_map(|report| &report.notes);
                let all = (run.error.iter().map(|why| format!("failed: {why}")))
                    .chain(invalid.map(|why| format!("invalid: {why}")))
                    .chain(notes.cloned());
                for text in all {
                    // The words are the same, the numbers are not.
                    let same = |other: &str| {
                        let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
                        words(other) == words(&text)
                    };
                    match said.iter_mut().find(|(other, _)| same(other)) {
                        Some((_, times)) => *times += 1,
                        None => said.push((text, 1)),
                    }
                }
            }
            lines.extend(said.into_iter().map(|(text, times)| {
                let times = if times > 1 {
                    format!(" (and alike, {times} rounds)")
                } else {
                    String::new()
                };
                format!("  {} · {}: {text}{times}", scenario.name(), peer.name())
            }));
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "\nto know (a figure with ! is of invalid rounds only)");
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
    }
}

/// Three digits that matter, and thousands apart.
fn number(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0.0 {
        out.insert(0, '-');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::figures::samples::flood;
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        for (value, text) in [
            (0.0, "0"),
            (1.126, "1.13"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_234_567.0, "1,234,567"),
            (-2.5, "-2.50"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_table_shows_medians_ratios_losses_and_why_a_round_does_not_count() {
        let runs = Runs(vec![
            flood(1, Peer::Relay, 1.0, 0),
            flood(1, Peer::Floor, 2.0, 0),
            flood(1, Peer::Node, 6.0, 12),
        ]);
        let peers = [Peer::Relay, Peer::Floor, Peer::Node];
        let scenarios = [Scenario::Flood];
        let targets = super::super::targets::judge(&runs, &scenarios);
        let text = print(&runs, &scenarios, &peers, &targets);
        let row = text
            .lines()
            .find(|line| line.contains("CPU per delivery, µs"))
            .unwrap_or_default();
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells[4..], ["1", "2", "6!", "0.500", "–"]);
        assert!(
            text.contains("flood · node: invalid: 12 events lost"),
            "{text}"
        );
        assert!(text.contains("pass  flood: CPU per delivery ≤ 0.6 × floor"));
    }
}
