//! What limits may be.

use std::time::Duration;

use super::*;

#[test]
fn the_default_file_has_the_limits_of_the_design() {
    let (kib, mib, s) = (1 << 10, 1 << 20, Duration::from_secs);
    let expected = Limits {
        payload: 64 * kib,
        event_body: 128 * kib,
        batch_body: mib,
        message: 16 * kib,
        messages_per_second: 20,
        connects_per_account: 10,
        publishes_per_session: 0,
        requests_per_address: 0,
        clock_skew: s(300),
        nonce_age: s(600),
        nonce_memory: 256 * mib,
        token_life: s(300),
        token_leeway: s(10),
        log_events: 1000,
        log_age: s(600),
        log_bytes: 4 * mib,
        all_logs: 256 * mib,
        idle_session: s(600),
        outbox: 64 * kib,
        catch_up_write: 64 * kib,
        all_outboxes: 256 * mib,
        write_deadline: s(10),
        least_rate: kib,
        header_deadline: s(10),
        body_deadline: s(10),
        handshake_deadline: s(10),
        ping_interval: s(25),
        ping_timeout: s(20),
        stream_heartbeat: s(15),
        drain: s(2),
        connections: None,
    };
    assert_eq!(with_secret("").unwrap().limits, expected);
}

#[test]
fn limits_are_bounded_on_both_sides() {
    one_problem(
        "limits.payload = '2MiB'",
        "relay.toml:1: limits.payload: 2MiB is too large: it may be 1B to 1MiB",
    );
    for zero in [
        "payload = '0B'",
        "message = '0B'",
        "messages_per_second = 0",
        "clock_skew = '0s'",
        "nonce_age = '0s'",
        "nonce_memory = '0B'",
        "token_life = '0s'",
        "log_events = 0",
        "log_age = '0s'",
        "log_bytes = '0B'",
        "all_logs = '0B'",
        "idle_session = '0s'",
        "outbox = '0B'",
        "catch_up_write = '0B'",
        "all_outboxes = '0B'",
        "write_deadline = '0s'",
        "header_deadline = '0s'",
        "body_deadline = '0s'",
        "handshake_deadline = '0s'",
        "ping_interval = '0s'",
        "ping_timeout = '0s'",
        "connections = 0",
        "event_body = '0B'",
        "batch_body = '0B'",
    ] {
        let error = with_secret(&format!("limits.{zero}"))
            .expect_err(zero)
            .to_string();
        assert!(error.contains("is too small: it may be"), "{error}");
    }
    let limits = with_secret("[limits]\nleast_rate = '0B'\ntoken_leeway = '0s'\ndrain = '0s'")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.least_rate, limits.token_leeway, limits.drain),
        (0, Duration::ZERO, Duration::ZERO)
    );
    one_problem(
        "limits.token_life = '301s'",
        "relay.toml:1: limits.token_life: 301s is too large: it may be 1s to 5m",
    );
    one_problem(
        "limits.token_life = '1500ms'",
        "relay.toml:1: limits.token_life: write whole seconds, such as 10s",
    );
    one_problem(
        "limits.connections = -1",
        "relay.toml:1: limits.connections: \"-1\" is not a whole number",
    );
}

#[test]
fn limits_that_contradict_one_another_are_told_where_they_were_said() {
    one_problem(
        "limits.event_body = '32KiB'",
        "relay.toml:1: limits.event_body: 32KiB is too small: it must be at least limits.payload + 1KiB for what an \
         event has beside it, and limits.payload is 64KiB (default)",
    );
    one_problem(
        "limits.log_bytes = '64KiB'",
        "relay.toml:1: limits.log_bytes: 64KiB is too small: it must be at least limits.payload + 1KiB for what an \
         event has beside it, and limits.payload is 64KiB (default)",
    );
    one_problem(
        "limits.event_body = '2MiB'",
        "relay.toml:1: limits.event_body: 2MiB is too large: limits.batch_body is 1MiB (default) and must be at \
         least limits.event_body",
    );
    one_problem(
        "limits.log_bytes = '512MiB'",
        "relay.toml:1: limits.log_bytes: 512MiB is too large: limits.all_logs is 256MiB (default) and must be at \
         least limits.log_bytes",
    );
    one_problem(
        "limits.all_outboxes = '4KiB'",
        "relay.toml:1: limits.all_outboxes: 4KiB is too small: it must be at least limits.outbox, and limits.outbox \
         is 64KiB (default)",
    );
    one_problem(
        "limits.clock_skew = '301s'",
        "relay.toml:1: limits.clock_skew: 301s is too large: limits.nonce_age is 10m (default) and must be at least \
         twice limits.clock_skew, so that no captured request can be delivered again",
    );
    with_secret("[limits]\nlog_events = 25000\nlog_bytes = '64MiB'").unwrap();
}
