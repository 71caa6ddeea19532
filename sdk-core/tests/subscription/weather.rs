//! In any weather the app sees a chain or a resync, nothing is tried in a loop, and when the weather clears up the
//! client is live, at the head, over the best transport.

use forge_relay_core::subscription::{Options, State, Transport};
use proptest::prelude::*;

use crate::world::{Act, App, Path, World};

const MINUTE: u64 = 60_000;

/// How often within a minute an app may be asked for a token, or a connection opened.
const MOST_TRIES: usize = 40;

fn transports() -> impl Strategy<Value = Vec<Transport>> {
    use Transport::{Pages, Sse, Websocket};
    prop_oneof![
        6 => Just(vec![Websocket, Sse, Pages]),
        1 => Just(vec![Websocket]),
        1 => Just(vec![Sse]),
        1 => Just(vec![Pages]),
        1 => Just(vec![Websocket, Sse]),
        1 => Just(vec![Sse, Pages]),
        1 => Just(vec![Pages, Websocket]),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    prop_oneof![
        3 => Just(Path::Clear),
        1 => Just(Path::Blocked),
        1 => Just(Path::Hole),
        1 => Just(Path::Buffers),
        1 => (1u64..90_000).prop_map(Path::Cuts),
    ]
}

fn app() -> impl Strategy<Value = App> {
    prop_oneof![
        3 => prop_oneof![Just(100), 0u64..40_000].prop_map(|after| App::Gives { after }),
        1 => prop::bool::weighted(0.8).prop_map(|retryable| App::Fails { retryable }),
        1 => Just(App::Hangs),
        1 => Just(App::GivesExpired),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let transport = prop::sample::select(Transport::ALL.to_vec());
    prop_oneof![
        10 => (1u64..6).prop_map(Act::Publish),
        2 => (0u64..4).prop_map(Act::Trim),
        2 => (0u64..60_000, any::<bool>())
            .prop_map(|(down, keeps_log)| Act::Restart { down, keeps_log }),
        1 => (0u64..20_000).prop_map(Act::Drain),
        1 => (0u64..10_000).prop_map(Act::Deny),
        4 => (transport, path()).prop_map(|(transport, path)| Act::Path(transport, path)),
        2 => prop_oneof![Just(0), 0u64..60].prop_map(Act::Foul),
        3 => any::<bool>().prop_map(|unnoticed| Act::Cut { unnoticed }),
        2 => app().prop_map(Act::App),
        1 => prop_oneof![Just(300_000u64), 10_000u64..60_000].prop_map(Act::TokenLife),
        1 => prop_oneof![Just(20u64), 0u64..12_000].prop_map(Act::Latency),
        2 => any::<bool>().prop_map(Act::Online),
        2 => any::<bool>().prop_map(Act::Visible),
        1 => prop_oneof![0u64..60_000, 0u64..20_000_000].prop_map(Act::Sleep),
        2 => Just(Act::StartAgain),
    ]
}

fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0u64..50,
        4 => 0u64..3_000,
        4 => 0u64..60_000,
        1 => 0u64..1_000_000,
    ]
}

/// No minute has more tries than are allowed, and a few for each time that the client was told not to wait.
fn check_tries(tries: &[u64], hurries: &[u64]) {
    let within = |times: &[u64], end: u64| {
        let is_in = |at: &&u64| **at <= end && **at + MINUTE > end;
        times.iter().filter(is_in).count()
    };
    for end in tries {
        let (tries, hurries) = (within(tries, *end), within(hurries, *end));
        assert!(
            tries <= MOST_TRIES + 3 * hurries,
            "{tries} tries in the minute before {end}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_weather_the_client_is_live_at_the_head_over_the_best_transport(
        transports in transports(),
        seed in any::<u64>(),
        story in prop::collection::vec((pause(), act()), 1..80),
    ) {
        let best = transports[0];
        let mut world = World::new(Options { transports, ..Options::default() }, seed);
        for (pause, act) in story {
            world.act(act);
            world.pass(pause);
        }
        world.clears_up();
        // Some of what was said before is still on its way, and may be a no for good.
        world.pass(MINUTE);
        world.act(Act::StartAgain);

        // The last words of a connection may be lost without a trace until it says more.
        world.pass(1_000);
        world.act(Act::Publish(2));
        world.pass(3 * MINUTE);
        prop_assert_eq!(world.client.state(), State::Live);
        prop_assert_eq!(world.client.place, Some(world.head()));

        world.pass(30 * MINUTE);
        prop_assert_eq!(world.client.state(), State::Live);
        let transport = world.client.machine.status().transport;
        prop_assert_eq!(transport, Some(best));
        let seen = world.client.delivered;
        world.act(Act::Publish(3));
        world.pass(5_000);
        prop_assert_eq!(world.client.delivered, seen + 3);

        check_tries(&world.client.attempts, &world.hurries);
        // In fine weather there are only renewals: a question and a successor for each.
        let quiet_since = world.now - 10 * MINUTE;
        let tries = world.client.attempts.iter().filter(|at| **at > quiet_since).count();
        prop_assert!(tries <= 12, "{} tries in fine weather", tries);
    }
}
