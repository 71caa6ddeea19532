//! Every seed, and every input that the fuzzers found interesting, on stable Rust.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use forge_relay_fuzz::{CHECKS, Check, MAX_INPUT, corpus, seeds};

/// An input; cut short at a few places; and with one bit turned at a few.
fn around(input: &[u8], check: Check) {
    check(input);
    for step in 0..4 {
        let at = input.len() * step / 4;
        check(&input[..at]);
        let mut turned = input.to_vec();
        if let Some(byte) = turned.get_mut(at) {
            *byte ^= 1 << (input.len() % 8);
            check(&turned);
        }
    }
}

fn replay(name: &str) {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let (seeds, corpus) = (seeds::seeds(name), corpus::read(name).unwrap());
    assert!(!seeds.is_empty() && !corpus.is_empty());
    assert!(corpus.len() <= corpus::MAX_INPUTS);
    for input in seeds.iter().chain(&corpus) {
        assert!(input.len() <= MAX_INPUT);
        around(input, *check);
    }
}

#[test]
fn frame() {
    replay("frame");
}

#[test]
fn payload() {
    replay("payload");
}

#[test]
fn packet() {
    replay("packet");
}

#[test]
fn event() {
    replay("event");
}

#[test]
fn cursor() {
    replay("cursor");
}

#[test]
fn token() {
    replay("token");
}

#[test]
fn signature() {
    replay("signature");
}

#[test]
fn every_check_has_a_fuzzer_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets");
    let files = std::fs::read_dir(folder).unwrap();
    let fuzzers: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let checks = CHECKS
        .iter()
        .map(|(name, _)| format!("{name}.rs"))
        .collect();
    assert_eq!(fuzzers, checks);
}
