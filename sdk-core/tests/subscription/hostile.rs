//! Whatever a relay, a network or an app says, in any order: no panic, no lie to the app, and no notice of the dead.

use forge_relay_core::subscription::{Action, Options, Transport};
use forge_relay_core::{Cursor, Epoch, MAX_SEQ, ResyncReason};
use proptest::prelude::*;

use crate::client::Client;
use crate::input::Input;

/// What is said of which connection is chosen when it is said: names go stale as the story goes.
#[derive(Debug, Clone)]
struct Said {
    pause: u64,
    /// 0: the newest connection or ticket, 1: the one before, else one that never was.
    whom: u8,
    cursor: Place,
    input: Input,
}

/// A cursor, as it stands to where the app is.
#[derive(Debug, Clone)]
enum Place {
    After(u64),
    Before(u64),
    Text(String),
}

impl Place {
    fn text(&self, at: Option<Cursor>) -> String {
        let at = at.unwrap_or(Cursor {
            epoch: Epoch(7),
            seq: 3,
        });
        let seq = match self {
            Self::Text(text) => return text.clone(),
            Self::After(more) => at.seq.saturating_add(*more).min(MAX_SEQ),
            Self::Before(less) => at.seq.saturating_sub(*less),
        };
        Cursor { seq, ..at }.to_string()
    }
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..5,
        2 => 0u64..100_000,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        6 => (0u64..3).prop_map(Place::After),
        2 => (0u64..5).prop_map(Place::Before),
        1 => "[0-9a-f]{16}-[0-9]{1,17}".prop_map(Place::Text),
        1 => any::<String>().prop_map(Place::Text),
        1 => Just(Place::Text(format!("{:016x}-{MAX_SEQ}", 7))),
        1 => Just(Place::Text(String::new())),
    ]
}

fn code() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("token_expired".to_owned()),
        Just("session_mismatch".to_owned()),
        Just("draining".to_owned()),
        Just("a_code_of_tomorrow".to_owned()),
        Just(String::new()),
        any::<String>(),
        "[<>\"a-z]{0,200}",
    ]
}

fn reason() -> impl Strategy<Value = ResyncReason> {
    prop_oneof![
        Just(ResyncReason::Trimmed),
        Just(ResyncReason::EpochChanged)
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let text = String::new;
    prop_oneof![
        2 => Just(Input::Start),
        3 => Just(Input::Wake),
        6 => any::<String>().prop_map(|token| Input::Token(0, token)),
        1 => prop::bool::weighted(0.9).prop_map(|again| Input::TokenFailed(0, again)),
        1 => prop::option::of(number()).prop_map(|silence| Input::Opened(0, silence)),
        2 => Just(Input::Heard(0)),
        6 => (any::<bool>(), number()).prop_map(move |(on, n)| Input::Ready(0, text(), on, n)),
        12 => number().prop_map(move |seq| Input::Event(0, seq, text())),
        2 => reason().prop_map(move |reason| Input::Resync(0, reason, text())),
        6 => any::<bool>().prop_map(move |more| Input::Page(0, text(), more)),
        2 => Just(Input::Expiring(0)),
        1 => Just(Input::Refreshed(0)),
        1 => Just(Input::RefreshRefused(0)),
        1 => (code(), prop::bool::weighted(0.9), number())
            .prop_map(|(code, again, after)| Input::Bye(0, code, again, after)),
        1 => (code(), prop::bool::weighted(0.9), prop::option::of(number()))
            .prop_map(|(code, again, after)| Input::Refused(0, code, again, after)),
        2 => Just(Input::Lost(0)),
        1 => any::<bool>().prop_map(Input::Network),
        1 => any::<bool>().prop_map(Input::Visible),
    ]
}

prop_compose! {
    fn said()(
        pause in prop_oneof![
            4 => Just(0u64),
            4 => 0u64..400,
            3 => 0u64..20_000,
            1 => 0u64..1_000_000,
        ],
        whom in prop_oneof![8 => Just(0u8), 3 => Just(1u8), 1 => Just(2u8)],
        cursor in place(),
        input in input(),
    ) -> Said {
        Said { pause, whom, cursor, input }
    }
}

/// The input with these names and this cursor in it. An event's own seq is mostly that of its cursor.
fn named(input: &Input, id: u32, ticket: u32, at: &str) -> Input {
    let cursor = at.to_owned();
    let its = |seq: u64| match at.parse::<Cursor>() {
        Ok(cursor) if seq < 100_000 => cursor.seq,
        _ => seq,
    };
    match input.clone() {
        Input::Token(_, token) => Input::Token(ticket, token),
        Input::TokenFailed(_, again) => Input::TokenFailed(ticket, again),
        Input::Opened(_, silence) => Input::Opened(id, silence),
        Input::Heard(_) => Input::Heard(id),
        Input::Ready(_, _, recovered, replayed) => Input::Ready(id, cursor, recovered, replayed),
        Input::Event(_, seq, _) => Input::Event(id, its(seq), cursor),
        Input::Resync(_, reason, _) => Input::Resync(id, reason, cursor),
        Input::Page(_, _, more) => Input::Page(id, cursor, more),
        Input::Expiring(_) => Input::Expiring(id),
        Input::Refreshed(_) => Input::Refreshed(id),
        Input::RefreshRefused(_) => Input::RefreshRefused(id),
        Input::Bye(_, code, again, after) => Input::Bye(id, code, again, after),
        Input::Refused(_, code, again, after) => Input::Refused(id, code, again, after),
        Input::Lost(_) => Input::Lost(id),
        other => other,
    }
}

/// All that can be said of a connection, or in answer to a ticket.
fn everything_about(number: u32) -> Vec<Input> {
    let text = || format!("{:016x}-4", 7);
    let reason = ResyncReason::Trimmed;
    vec![
        Input::Token(number, "late".into()),
        Input::TokenFailed(number, false),
        Input::Opened(number, Some(1)),
        Input::Heard(number),
        Input::Ready(number, text(), false, 0),
        Input::Event(number, 4, text()),
        Input::Resync(number, reason, text()),
        Input::Page(number, text(), false),
        Input::Expiring(number),
        Input::Refreshed(number),
        Input::RefreshRefused(number),
        Input::Bye(number, "revoked".into(), false, 0),
        Input::Refused(number, "token_invalid".into(), false, None),
        Input::Lost(number),
    ]
}

/// One host's ears for one story.
struct Host {
    client: Client,
    connections: Vec<u32>,
    tickets: Vec<u32>,
}

impl Host {
    fn new(options: Options, seed: u64) -> Self {
        Self {
            client: Client::new(options, seed),
            connections: Vec::new(),
            tickets: Vec::new(),
        }
    }

    fn hear(&mut self, said: &Said) {
        let pick = |names: &[u32]| {
            let whom = usize::from(said.whom);
            names.iter().rev().nth(whom).copied().unwrap_or(u32::MAX)
        };
        self.client.now += said.pause;
        let place = said.cursor.text(self.client.place);
        let (id, ticket) = (pick(&self.connections), pick(&self.tickets));
        self.tell(named(&said.input, id, ticket, &place));
    }

    fn tell(&mut self, input: Input) {
        for action in self.client.tell(input).actions {
            match action {
                Action::FetchToken { ticket } => self.tickets.push(ticket),
                Action::Open { connection, .. } => self.connections.push(connection),
                _ => {}
            }
        }
    }

    /// What is said of the dead, and answers to old questions, change nothing.
    fn tell_of_the_dead(&mut self) {
        let closed = |id: &&u32| !self.client.open.contains_key(id);
        let dead = self.connections.iter().rev().find(closed).copied();
        let before = format!("{:?}", self.client.machine);
        for number in dead.into_iter().chain([0, u32::MAX]) {
            for input in everything_about(number) {
                let told = self.client.tell(input.clone());
                assert!(told.actions.is_empty(), "{input:?}: {told:?}");
                assert_eq!(format!("{:?}", self.client.machine), before, "{input:?}");
            }
        }
    }
}

fn options() -> impl Strategy<Value = Options> {
    let transports = prop_oneof![
        Just(Vec::new()),
        Just(vec![Transport::Pages]),
        Just(vec![Transport::Sse, Transport::Pages]),
        Just(vec![Transport::Pages, Transport::Websocket, Transport::Sse]),
    ];
    (transports, any::<bool>()).prop_map(|(transports, has_cursor)| Options {
        transports,
        cursor: has_cursor.then_some(Cursor {
            epoch: Epoch(7),
            seq: 3,
        }),
        ..Options::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_said_in_any_order_the_app_sees_a_chain_or_a_resync(
        options in options(),
        seed in any::<u64>(),
        story in prop::collection::vec(said(), 1..80),
    ) {
        let mut host = Host::new(options, seed);
        host.tell(Input::Start);
        for (index, said) in story.iter().enumerate() {
            host.hear(said);
            if index % 10 == 9 {
                host.tell(Input::Wake);
                host.tell_of_the_dead();
            }
        }
        host.tell(Input::Close);
        for said in &story {
            host.hear(said);
        }
    }
}
