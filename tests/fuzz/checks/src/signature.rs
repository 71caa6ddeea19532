use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use forge_relay_core::KeyRing;
use forge_relay_core::signature::{Headers, SignatureError, sign, verify};

use crate::{NOW, SECRETS, hmac, keys};

const TOLERANCE: i64 = 300;

/// Id, timestamp and signatures, a line each, and the body: a line that is not there is a header that is not there.
/// They are taken or refused as the rules of Standard Webhooks and the contract say, written down once more here;
/// what is signed here is taken, and refused when one bit of it is turned.
pub fn signature(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || parts.next().and_then(|line| std::str::from_utf8(line).ok());
    let (id, timestamp, signature) = (line(), line(), line());
    let body = parts.next().unwrap_or_default();
    let headers = Headers {
        id,
        timestamp,
        signature,
    };
    let ring = KeyRing::parse(SECRETS).expect("the vectors' secrets");
    let verdict = verify(&ring, headers, body, NOW, TOLERANCE.unsigned_abs());
    assert_eq!(verdict, expected(headers, body), "{headers:?}");

    let (Some(id), Some(sent)) = (id, timestamp.and_then(moment)) else {
        return;
    };
    signed(&ring, id, sent, signature.unwrap_or_default(), body);
    for edge in [-TOLERANCE - 1, -TOLERANCE, TOLERANCE, TOLERANCE + 1] {
        signed(&ring, id, NOW + edge, "", body);
    }
}

/// What is signed at a moment, by either key, alone and among others.
fn signed(ring: &KeyRing, id: &str, sent: i64, other: &str, body: &[u8]) {
    let moment = sent.to_string();
    let text = [id.as_bytes(), b".", moment.as_bytes(), b".", body].concat();
    let [first, second] =
        keys().map(|key| format!("v1,{}", BASE64_STANDARD.encode(hmac(&key, &text))));
    assert_eq!(sign(ring, id, sent, body), first);
    let rotation = format!("v2,other  {second} {other}");
    for signature in [&first, &second, &rotation] {
        let headers = Headers {
            id: Some(id),
            timestamp: Some(&moment),
            signature: Some(signature),
        };
        let verdict = verify(ring, headers, body, NOW, TOLERANCE.unsigned_abs());
        assert_eq!(verdict, expected(headers, body), "{headers:?}");
        if verdict.is_ok() && signature != &rotation {
            let mut other = body.to_vec();
            match other.get_mut(body.len() / 2) {
                Some(byte) => *byte ^= 1,
                None => other.push(0),
            }
            let verdict = verify(ring, headers, &other, NOW, TOLERANCE.unsigned_abs());
            assert_eq!(verdict, Err(SignatureError::Invalid));
        }
    }
}

fn expected(headers: Headers<'_>, body: &[u8]) -> Result<(), SignatureError> {
    let (Some(id), Some(timestamp), Some(signatures)) =
        (headers.id, headers.timestamp, headers.signature)
    else {
        return Err(SignatureError::Missing);
    };
    let visible = |c: char| ('!'..='~').contains(&c) && c != '.';
    let good_id = !id.is_empty() && id.chars().count() <= 256 && id.chars().all(visible);
    let Some(sent) = moment(timestamp).filter(|_| good_id && signatures.len() <= 4096) else {
        return Err(SignatureError::Malformed);
    };
    let mut candidates = Vec::new();
    for signature in signatures.split(' ').filter(|text| !text.is_empty()) {
        let (version, encoded) = signature.split_once(',').ok_or(SignatureError::Malformed)?;
        if version != "v1" {
            continue;
        }
        let tag = BASE64_STANDARD.decode(encoded).ok();
        let tag = tag.filter(|tag| tag.len() == 32 && BASE64_STANDARD.encode(tag) == encoded);
        candidates.push(tag.ok_or(SignatureError::Malformed)?);
    }
    if candidates.is_empty() {
        return Err(SignatureError::Malformed);
    }
    if (sent - NOW).abs() > TOLERANCE {
        return Err(SignatureError::Expired);
    }
    let text = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let made_by = |key: Vec<u8>| candidates.contains(&hmac(&key, &text).to_vec());
    if keys().into_iter().any(made_by) {
        Ok(())
    } else {
        Err(SignatureError::Invalid)
    }
}

/// Unix seconds in at most eleven digits, as they are written and no other way.
fn moment(text: &str) -> Option<i64> {
    let moment: i64 = text.parse().ok()?;
    ((0..100_000_000_000).contains(&moment) && moment.to_string() == text).then_some(moment)
}
