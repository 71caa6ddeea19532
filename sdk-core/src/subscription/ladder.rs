use serde::Serialize;

use super::Options;
use super::backoff::Dice;

/// What carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Socket.IO over a WebSocket.
    Websocket,
    /// An event stream: one plain HTTP request that stays open.
    Sse,
    /// Pages of the log, read again and again: for proxies that hold a stream back.
    Pages,
}

impl Transport {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::Websocket, Self::Sse, Self::Pages];

    /// Its name in options and statuses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Sse => "sse",
            Self::Pages => "pages",
        }
    }

    /// The transport of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == name)
    }
}

/// How bad an end was for the transport it happened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It says nothing about the transport: the relay's own words, a sleeping laptop, a long life.
    Innocent,
    /// It broke, early in its life.
    Short,
    /// It broke before it said `relay:ready`.
    NeverReady,
    /// Nothing came at all: packets vanish on the way.
    TimedOut,
}

/// Which transport to use: the best that works. After a few bad ends in a row comes the next one, after the last the
/// first again. While a lesser one works, the better ones are tried beside it, now and then.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    rungs: Vec<Transport>,
    at: usize,
    /// How much is held against the rung we are on.
    blame: u32,
    /// The rung to try next beside the one that works.
    candidate: usize,
    return_pause: u64,
    first_return: u64,
    longest_return: u64,
}

/// One timeout, two attempts of the best without an answer, or three short lives.
const TOO_MUCH: u32 = 6;

impl Ladder {
    pub(super) fn new(options: &Options) -> Self {
        let mut rungs: Vec<Transport> = Vec::new();
        for rung in &options.transports {
            if !rungs.contains(rung) {
                rungs.push(*rung);
            }
        }
        if rungs.is_empty() {
            rungs.extend(Transport::ALL);
        }
        Self {
            rungs,
            at: 0,
            blame: 0,
            candidate: 0,
            return_pause: options.first_return,
            first_return: options.first_return,
            longest_return: options.longest_return,
        }
    }

    /// What to connect with.
    pub(super) fn transport(&self) -> Transport {
        self.rungs
            .get(self.at)
            .copied()
            .unwrap_or(Transport::Websocket)
    }

    /// A connection of the rung we are on ended. Whether that leads to another one.
    pub(super) fn ended(&mut self, end: End) -> bool {
        self.blame += match end {
            End::Innocent => return false,
            End::Short => 2,
            End::NeverReady if self.at == 0 => 3,
            // The others are there to find out what works: one attempt says it.
            End::NeverReady => TOO_MUCH,
            End::TimedOut => TOO_MUCH,
        };
        if self.blame < TOO_MUCH {
            return false;
        }
        self.blame = 0;
        self.at = (self.at + 1) % self.rungs.len();
        self.candidate = 0;
        true
    }

    /// The rung we are on has carried a connection for long.
    pub(super) fn held(&mut self) {
        self.blame = 0;
        if self.at == 0 {
            self.return_pause = self.first_return;
        }
    }

    /// When to try a better rung, if there is one.
    pub(super) fn return_at(&self, now: u64, dice: &mut Dice) -> Option<u64> {
        (self.at > 0).then(|| now + dice.about(self.return_pause))
    }

    /// The better rung to try now.
    pub(super) fn better(&self) -> Option<Transport> {
        self.rungs
            .get(self.candidate)
            .copied()
            .filter(|_| self.candidate < self.at)
    }

    /// The better one did not work: the next one is tried at once, and when none did, all of them later and later.
    /// Whether there is another one to try at once.
    pub(super) fn better_failed(&mut self) -> bool {
        self.candidate += 1;
        if self.candidate < self.at {
            return true;
        }
        self.candidate = 0;
        self.put_off();
        false
    }

    /// The better ones are tried less often from now on.
    pub(super) fn put_off(&mut self) {
        self.return_pause = self.return_pause.saturating_mul(2).min(self.longest_return);
    }

    /// The better one works: it is the one we are on. It has yet to show that it lasts, so the pause stays long.
    pub(super) fn better_works(&mut self) {
        self.at = self.candidate;
        self.candidate = 0;
        self.blame = 0;
        self.put_off();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Ladder {
        Ladder::new(&Options::default())
    }

    #[test]
    fn two_failures_of_the_best_lead_down_and_one_of_each_other_around() {
        let mut ladder = ladder();
        let mut seen = Vec::new();
        for _ in 0..7 {
            seen.push(ladder.transport().as_str());
            ladder.ended(End::NeverReady);
        }
        let expected = [
            "websocket",
            "websocket",
            "sse",
            "pages",
            "websocket",
            "websocket",
            "sse",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_timeout_leads_there_at_once_and_three_short_lives_do() {
        let mut ladder = ladder();
        ladder.ended(End::TimedOut);
        assert_eq!(ladder.transport(), Transport::Sse);
        for _ in 0..3 {
            assert_eq!(ladder.transport(), Transport::Sse);
            ladder.ended(End::Short);
        }
        assert_eq!(ladder.transport(), Transport::Pages);
    }

    #[test]
    fn what_the_relay_says_and_a_long_life_are_held_against_nobody() {
        let mut ladder = ladder();
        for _ in 0..20 {
            ladder.ended(End::Short);
            ladder.ended(End::Innocent);
            ladder.held();
        }
        assert_eq!(ladder.transport(), Transport::Websocket);
    }

    #[test]
    fn from_the_last_rung_each_better_one_is_tried_and_then_later() {
        let (mut ladder, mut dice) = (ladder(), Dice::new(3));
        assert_eq!(ladder.return_at(0, &mut dice), None);
        ladder.ended(End::TimedOut);
        ladder.ended(End::TimedOut);
        let first = ladder.return_at(0, &mut dice);
        assert!(
            first.is_some_and(|at| (3_750..=6_250).contains(&at)),
            "{first:?}"
        );
        assert_eq!(ladder.better(), Some(Transport::Websocket));
        assert!(ladder.better_failed());
        assert_eq!(ladder.better(), Some(Transport::Sse));
        assert!(!ladder.better_failed());
        let second = ladder.return_at(0, &mut dice);
        assert!(
            second.is_some_and(|at| (7_500..=12_500).contains(&at)),
            "{second:?}"
        );
        ladder.better_works();
        assert_eq!(ladder.transport(), Transport::Websocket);
        assert_eq!(ladder.return_at(0, &mut dice), None);
    }

    #[test]
    fn a_single_transport_stays() {
        let options = Options {
            transports: vec![Transport::Sse, Transport::Sse],
            ..Options::default()
        };
        let mut ladder = Ladder::new(&options);
        for _ in 0..5 {
            ladder.ended(End::TimedOut);
            assert_eq!(ladder.transport(), Transport::Sse);
            assert_eq!(ladder.better(), None);
        }
    }
}
