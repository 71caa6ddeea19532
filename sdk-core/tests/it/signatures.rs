//! vectors/signatures.json.

use forge_relay_core::signature::{Headers, SignatureError, sign, verify};
use forge_relay_core::{Code, KeyRing};
use proptest::prelude::*;
use serde::Deserialize;

use crate::vectors::read;

#[derive(Deserialize)]
struct File {
    sign: Vec<Sign>,
    verify: Vec<Verify>,
}

#[derive(Deserialize)]
struct Sign {
    name: String,
    secrets: String,
    id: String,
    timestamp: i64,
    body: String,
    signature: String,
}

#[derive(Deserialize)]
struct Verify {
    name: String,
    secrets: String,
    headers: Sent,
    body: String,
    now: i64,
    tolerance: u64,
    result: String,
}

#[derive(Deserialize)]
struct Sent {
    id: Option<String>,
    timestamp: Option<String>,
    signature: Option<String>,
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    for case in read::<File>("signatures").sign {
        let ring = KeyRing::parse(&case.secrets).unwrap();
        assert_eq!(
            sign(&ring, &case.id, case.timestamp, case.body.as_bytes()),
            case.signature,
            "{}",
            case.name
        );
    }
}

#[test]
fn headers_are_judged_as_the_vectors_say() {
    for case in read::<File>("signatures").verify {
        let ring = KeyRing::parse(&case.secrets).unwrap();
        let headers = Headers {
            id: case.headers.id.as_deref(),
            timestamp: case.headers.timestamp.as_deref(),
            signature: case.headers.signature.as_deref(),
        };
        let result = match verify(
            &ring,
            headers,
            case.body.as_bytes(),
            case.now,
            case.tolerance,
        ) {
            Ok(()) => "ok",
            Err(SignatureError::Missing) => "missing",
            Err(SignatureError::Malformed) => "malformed",
            Err(SignatureError::Expired) => "expired",
            Err(SignatureError::Invalid) => "invalid",
        };
        assert_eq!(result, case.result, "{}", case.name);
    }
}

#[test]
fn errors_have_codes() {
    assert_eq!(SignatureError::Missing.code(), Code::Unauthenticated);
    assert_eq!(SignatureError::Malformed.code(), Code::SignatureInvalid);
    assert_eq!(SignatureError::Invalid.code(), Code::SignatureInvalid);
    assert_eq!(SignatureError::Expired.code(), Code::SignatureExpired);
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        secret in "[a-z0-9]{1,80}",
        id in "[!--/-~]{1,256}",
        timestamp in 0i64..9_999_999_999,
        body in prop::collection::vec(any::<u8>(), 0..256),
        flip in any::<prop::sample::Index>(),
    ) {
        let ring = KeyRing::parse(&secret.replace(',', "")).unwrap();
        let signature = sign(&ring, &id, timestamp, &body);
        let text = timestamp.to_string();
        let headers = Headers { id: Some(&id), timestamp: Some(&text), signature: Some(&signature) };
        prop_assert_eq!(verify(&ring, headers, &body, timestamp, 0), Ok(()));

        let mut other = body.clone();
        other.push(0);
        let at = flip.index(other.len());
        other[at] ^= 1;
        prop_assert_eq!(verify(&ring, headers, &other, timestamp, 0), Err(SignatureError::Invalid));
    }

    #[test]
    fn no_headers_break_it(id: Option<String>, timestamp: Option<String>, signature: Option<String>, now: i64, tolerance: u64) {
        let ring = KeyRing::parse("k").unwrap();
        let headers = Headers { id: id.as_deref(), timestamp: timestamp.as_deref(), signature: signature.as_deref() };
        prop_assert!(verify(&ring, headers, b"", now, tolerance).is_err());
    }
}
