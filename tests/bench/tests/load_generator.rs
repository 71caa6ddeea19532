//! The load generator believes no server: each mistake that a server can make is found and makes the run invalid.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what must hold"
)]

use std::thread;

use forge_relay_bench::load::{self, Report};
use forge_relay_bench::peers::floor::{self, Fault};
use tokio::net::TcpListener;

/// Loads a floor that makes this mistake every now and then.
fn loaded(fault: Option<Fault>) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (sockets, publishes) = runtime.block_on(async {
        let listen = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
        (listen().await, listen().await)
    });
    let options = load::Options {
        server: sockets.local_addr().unwrap(),
        publish: Some(publishes.local_addr().unwrap()),
        pid: std::process::id(),
        secret: "a secret of at least 32 bytes, for tests".to_owned(),
        clients: 20,
        sessions: 2,
        rate: 500,
        seconds: 1.0,
        warm_up: 0.2,
        settle: 0.1,
        transport: load::Transport::Websocket,
        publishers: 3,
        pause: 0,
        readers: 2,
    };
    runtime.spawn(floor::serve(sockets, publishes, fault));
    let report = thread::spawn(move || load::run(&options))
        .join()
        .unwrap_or_else(|_| panic!("the load generator panicked"));
    runtime.shutdown_background();
    report.unwrap()
}

#[test]
fn a_server_without_mistakes_is_believed() {
    let report = loaded(None);
    assert_eq!(report.faults, Default::default(), "{report:?}");
    let (publish, delivery) = (report.publish.unwrap(), report.delivery.unwrap());
    assert_eq!((publish.offered, publish.accepted), (500, 500));
    assert_eq!((delivery.expected, delivery.deliveries), (5_000, 5_000));
    assert!(delivery.cpu_micros > 0.0 && delivery.latency_micros.p50 > 0);
    assert_eq!(report.connect.connections, 20);
}

#[test]
fn an_event_that_one_client_does_not_get_is_lost() {
    let report = loaded(Some(Fault::Drop));
    assert!(report.faults.lost > 0, "{report:?}");
    assert!(said(&report, "events lost"), "{report:?}");
}

#[test]
fn an_event_that_one_client_gets_twice_is_repeated() {
    let report = loaded(Some(Fault::Repeat));
    assert!(report.faults.repeated > 0, "{report:?}");
    assert!(said(&report, "events repeated"), "{report:?}");
}

#[test]
fn two_events_that_one_client_gets_the_other_way_round_break_the_order() {
    let report = loaded(Some(Fault::Swap));
    // Of one publisher they are out of order, of two the clients disagree.
    assert!(report.faults.order_breaks() > 0, "{report:?}");
}

#[test]
fn an_event_that_a_client_of_another_session_gets_is_misrouted() {
    let report = loaded(Some(Fault::Misroute));
    assert!(report.faults.misrouted > 0, "{report:?}");
    assert!(said(&report, "events of another session"), "{report:?}");
}

#[test]
fn a_client_that_is_disconnected_is_noticed_and_what_it_missed_is_lost() {
    let report = loaded(Some(Fault::Close));
    assert!(
        report.faults.closed > 0 && report.faults.lost > 0,
        "{report:?}"
    );
    assert!(said(&report, "connections ended early"), "{report:?}");
}

fn said(report: &Report, what: &str) -> bool {
    report.invalid.iter().any(|why| why.contains(what))
}
