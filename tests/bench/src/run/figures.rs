//! Figures of many runs: which there are, and their medians.

use serde::Serialize;

use super::peer::Peer;
use super::scenario::Scenario;
use crate::hostile::Neighbours;
use crate::load::Report;

/// One run of one scenario against one peer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) round: u32,
    pub(super) scenario: Scenario,
    pub(super) peer: Peer,
    /// Who disturbed it, where the scenario has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) neighbours: Option<Neighbours>,
    /// What was measured, unless the run could not be finished.
    pub(super) report: Option<Report>,
    /// Why it could not be finished, or how the server ended badly.
    pub(super) error: Option<String>,
}

/// A figure of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    KibPerConnection,
    ConnectMicros,
    CpuMicros,
    Bytes,
    P50Millis,
    P99Millis,
    PerSecond,
    Offered,
    Accepted,
    PeakMib,
}

impl Figure {
    pub(super) fn of(scenario: Scenario) -> &'static [Self] {
        match scenario {
            Scenario::Idle | Scenario::PollingIdle | Scenario::SseIdle => {
                &[Self::KibPerConnection, Self::ConnectMicros]
            }
            Scenario::Steady | Scenario::PollingSteady | Scenario::SseSteady => &[
                Self::CpuMicros,
                Self::Bytes,
                Self::P50Millis,
                Self::P99Millis,
            ],
            Scenario::Crowd => &[Self::CpuMicros, Self::P50Millis, Self::P99Millis],
            Scenario::Flood => &[
                Self::PerSecond,
                Self::CpuMicros,
                Self::Offered,
                Self::Accepted,
                Self::PeakMib,
            ],
            Scenario::Hostile => &[Self::P50Millis, Self::P99Millis, Self::PeakMib],
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::KibPerConnection => "RSS per connection, KiB",
            Self::ConnectMicros => "CPU to connect, µs",
            Self::CpuMicros => "CPU per delivery, µs",
            Self::Bytes => "bytes per delivery",
            Self::P50Millis => "p50, ms",
            Self::P99Millis => "p99, ms",
            Self::PerSecond => "deliveries/s",
            Self::Offered => "events offered/s",
            Self::Accepted => "events accepted/s",
            Self::PeakMib => "peak RSS, MiB",
        }
    }

    pub(super) fn value(self, report: &Report) -> Option<f64> {
        let delivery = report.delivery.as_ref();
        let publish = report.publish.as_ref();
        match self {
            Self::KibPerConnection => Some(report.memory.kib_per_connection),
            Self::ConnectMicros => Some(report.connect.cpu_micros),
            Self::CpuMicros => delivery.map(|delivery| delivery.cpu_micros),
            Self::Bytes => delivery.map(|delivery| delivery.bytes),
            Self::P50Millis => delivery.map(|delivery| delivery.latency_micros.p50 as f64 / 1e3),
            Self::P99Millis => delivery.map(|delivery| delivery.latency_micros.p99 as f64 / 1e3),
            Self::PerSecond => delivery.map(|delivery| delivery.per_second),
            Self::Offered => publish.map(|publish| publish.offered_per_second),
            Self::Accepted => publish.map(|publish| publish.accepted_per_second),
            Self::PeakMib => Some(report.memory.peak_kib as f64 / 1024.0),
        }
    }
}

/// The median of a figure over the rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Median {
    pub(super) value: f64,
    /// No round was valid: the figure is of those that were not.
    pub(super) invalid: bool,
}

/// All runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(pub(super) Vec<Run>);

impl Runs {
    pub(super) fn of(&self, scenario: Scenario, peer: Peer) -> impl Iterator<Item = &Run> {
        self.0
            .iter()
            .filter(move |run| run.scenario == scenario && run.peer == peer)
    }

    /// Of the valid rounds; of all if none is.
    pub(super) fn median(&self, scenario: Scenario, peer: Peer, figure: Figure) -> Option<Median> {
        let values = |valid: bool| {
            self.of(scenario, peer)
                .filter(|run| !valid || run.is_valid())
                .filter_map(|run| figure.value(run.report.as_ref()?))
                .collect()
        };
        median(values(true))
            .map(|value| Median {
                value,
                invalid: false,
            })
            .or_else(|| {
                Some(Median {
                    value: median(values(false))?,
                    invalid: true,
                })
            })
    }

    /// The median of the rounds' ratios `over / under`, of rounds in which both are valid: what drifts from round to
    /// round drifts for both.
    pub(super) fn ratio(
        &self,
        scenario: Scenario,
        figure: Figure,
        over: Peer,
        under: Peer,
    ) -> Option<f64> {
        let value = |run: &Run| figure.value(run.report.as_ref()?);
        let ratios = self
            .of(scenario, over)
            .filter(|run| run.is_valid())
            .filter_map(|run| {
                let other = self
                    .of(scenario, under)
                    .find(|other| other.round == run.round && other.is_valid())?;
                let under = value(other)?;
                (under > 0.0).then_some(value(run)? / under)
            })
            .collect();
        median(ratios)
    }
}

impl Runs {
    /// The median of a figure beside these neighbours, and of its ratio to the same round without any. Every round
    /// counts that was finished: a healthy client that is cut is a finding, not a disturbance.
    pub(super) fn beside(
        &self,
        neighbours: Option<Neighbours>,
        figure: Figure,
    ) -> (Option<f64>, Option<f64>) {
        let of = |neighbours| {
            self.of(Scenario::Hostile, Peer::Relay)
                .filter(move |run| run.neighbours == neighbours)
                .filter_map(move |run| Some((run.round, figure.value(run.report.as_ref()?)?)))
        };
        let values = of(neighbours).map(|(_, value)| value).collect();
        let ratios = of(neighbours)
            .filter_map(|(round, value)| {
                let (_, alone) = of(None).find(|(other, _)| *other == round)?;
                (alone > 0.0).then_some(value / alone)
            })
            .collect();
        (median(values), median(ratios))
    }
}

impl Run {
    pub(super) fn must_be_valid(&self) -> bool {
        self.peer == Peer::Relay && self.scenario != Scenario::Hostile
    }

    pub(super) fn is_valid(&self) -> bool {
        self.error.is_none()
            && self
                .report
                .as_ref()
                .is_some_and(|report| report.invalid.is_empty())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 {
        upper
    } else {
        (values[middle - 1] + upper) / 2.0
    })
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;
    use crate::load::{DeliveryFigures, Faults};

    /// A flood run with this CPU per delivery, and lost events.
    pub(crate) fn flood(round: u32, peer: Peer, cpu_micros: f64, lost: u64) -> Run {
        let mut report = Report {
            delivery: Some(DeliveryFigures {
                cpu_micros,
                per_second: 1e6 / cpu_micros,
                ..DeliveryFigures::default()
            }),
            faults: Faults {
                lost,
                ..Faults::default()
            },
            ..Report::default()
        };
        report.judge();
        Run {
            round,
            scenario: Scenario::Flood,
            peer,
            neighbours: None,
            report: Some(report),
            error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what must hold")]
    use super::samples::flood;
    use super::*;

    #[test]
    fn medians_are_of_valid_rounds_and_ratios_of_rounds_valid_for_both() {
        let runs = Runs(vec![
            flood(1, Peer::Relay, 1.0, 0),
            flood(1, Peer::Floor, 2.0, 0),
            flood(2, Peer::Relay, 3.0, 0),
            flood(2, Peer::Floor, 4.0, 7),
            flood(3, Peer::Relay, 2.0, 0),
            flood(3, Peer::Floor, 8.0, 0),
        ]);
        let median = |peer| {
            runs.median(Scenario::Flood, peer, Figure::CpuMicros)
                .unwrap()
        };
        assert_eq!(median(Peer::Relay).value, 2.0);
        assert_eq!(median(Peer::Floor).value, 5.0);
        let ratio = runs.ratio(Scenario::Flood, Figure::CpuMicros, Peer::Relay, Peer::Floor);
        assert_eq!(ratio, Some((0.5 + 0.25) / 2.0));
    }

    #[test]
    fn a_peer_without_a_valid_round_has_a_figure_that_says_so() {
        let runs = Runs(vec![flood(1, Peer::Node, 6.0, 1)]);
        let median = runs
            .median(Scenario::Flood, Peer::Node, Figure::CpuMicros)
            .unwrap();
        assert!(median.invalid);
    }
}
