//! Who publishes: a request signed the Standard Webhooks way, or one that carries the secret as a bearer.
//!
//! ```text
//! relay-app ──► which app        webhook-* there? ──yes──► signature over id.timestamp.body
//!                                      └──no──► Authorization: Bearer ──► one of the app's secrets
//! ```

use forge_relay_core::{Code, signature};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::Refusal;
use crate::app::{App, Apps};
use crate::store::AppIndex;

/// Names the app where a relay serves several.
const RELAY_APP: HeaderName = HeaderName::from_static("relay-app");
const WEBHOOK_ID: HeaderName = HeaderName::from_static(signature::ID);
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(signature::TIMESTAMP);
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(signature::SIGNATURE);

impl Apps {
    /// The app that this request may speak for.
    ///
    /// A request that was captured and is sent again passes here until its timestamp is too old; what it publishes is
    /// known by its nonce, which is remembered for longer than that.
    pub(crate) fn publisher(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: i64,
    ) -> Result<(AppIndex, &App), Refusal> {
        let credentials = Credentials::of(headers)?;
        let (index, app) = self.named(headers)?;
        match credentials {
            Credentials::Signature(signed) => {
                let tolerance = self.rules.clock_skew_seconds;
                signature::verify(&app.keys, signed, body, now, tolerance)
                    .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
            }
            Credentials::Bearer(secret) => app.takes_bearer(secret)?,
        }
        Ok((index, app))
    }

    pub(super) fn named(&self, headers: &HeaderMap) -> Result<(AppIndex, &App), Refusal> {
        match single(headers, &RELAY_APP) {
            Single::Absent => self.only().ok_or_else(|| {
                Refusal::new(
                    Code::AppRequired,
                    "name the app in the header `relay-app`: this relay serves several",
                )
            }),
            Single::Value(id) => self.by_id(id).ok_or_else(unknown_app),
            Single::Unusable => Err(unknown_app()),
        }
    }
}

impl App {
    /// Whether this bearer is one of the app's secrets, and may be.
    pub(super) fn takes_bearer(&self, secret: &str) -> Result<(), Refusal> {
        if !self.bearer {
            return Err(Refusal::new(
                Code::BearerDisabled,
                "this app does not take its secret as a bearer: publish with a signature, read with a token",
            ));
        }
        if !self.keys.matches_bearer(secret) {
            return Err(unauthenticated(
                "the bearer is none of the app's secrets: send one as it is configured",
            ));
        }
        Ok(())
    }
}

/// Whether the request says which app it means.
pub(super) fn names_app(headers: &HeaderMap) -> bool {
    headers.contains_key(RELAY_APP)
}

fn unknown_app() -> Refusal {
    Refusal::new(
        Code::AppUnknown,
        "this relay serves no app of the name in `relay-app`",
    )
}

fn unauthenticated(detail: &'static str) -> Refusal {
    Refusal::new(Code::Unauthenticated, detail)
}

/// What a request shows for itself, not yet checked.
enum Credentials<'a> {
    Signature(signature::Headers<'a>),
    Bearer(&'a str),
}

impl<'a> Credentials<'a> {
    /// A signature goes before a bearer: whoever signs means it, and some HTTP clients add `Authorization` by themselves.
    fn of(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let signed =
            [&WEBHOOK_ID, &WEBHOOK_TIMESTAMP, &WEBHOOK_SIGNATURE].map(|n| single(headers, n));
        match signed {
            [Single::Absent, Single::Absent, Single::Absent] => {
                const MISSING: &str = "sign the request (Standard Webhooks), or send `Authorization: Bearer` with the app's secret";
                bearer(headers, MISSING).map(Self::Bearer)
            }
            [
                Single::Value(id),
                Single::Value(timestamp),
                Single::Value(signature),
            ] => Ok(Self::Signature(signature::Headers {
                id: Some(id),
                timestamp: Some(timestamp),
                signature: Some(signature),
            })),
            _ => Err(unauthenticated(
                "a signed request has the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, once each",
            )),
        }
    }
}

/// The text after `Bearer`, not yet checked; `missing` says what to send where there is no such header.
pub(super) fn bearer<'a>(
    headers: &'a HeaderMap,
    missing: &'static str,
) -> Result<&'a str, Refusal> {
    let text = match single(headers, &AUTHORIZATION) {
        Single::Absent => return Err(unauthenticated(missing)),
        Single::Value(text) => text,
        Single::Unusable => "",
    };
    match text.split_once(' ') {
        Some((scheme, bearer)) if scheme.eq_ignore_ascii_case("bearer") => Ok(bearer.trim()),
        _ => Err(unauthenticated(
            "send `Authorization: Bearer`, a space and the secret or token, once",
        )),
    }
}

/// A header that may be there once. Several, or one that is not visible ASCII, cannot be what somebody meant.
enum Single<'a> {
    Absent,
    Value(&'a str),
    Unusable,
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Single<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Single::Absent,
        (Some(value), None) => value.to_str().map_or(Single::Unusable, Single::Value),
        (Some(_), Some(_)) => Single::Unusable,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use forge_relay_core::KeyRing;
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::parse("a-secret-that-nobody-guesses-in-a-test").unwrap()
    }

    proptest! {
        #[test]
        fn no_made_up_headers_panic_or_hold(
            values in proptest::collection::vec(
                (0..5usize, proptest::collection::vec(any::<u8>(), 0..60)), 0..8,
            ),
            at in any::<u32>(),
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(at));
            for (which, value) in values {
                let names = [AUTHORIZATION, RELAY_APP, WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE];
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(&names[which], value);
                }
            }
            if let Ok(Credentials::Signature(signed)) = Credentials::of(&headers) {
                let held = signature::verify(&ring(), signed, b"x", i64::from(at), 300).is_ok();
                prop_assert!(!held);
            }
            headers.remove(WEBHOOK_TIMESTAMP);
            headers.remove(WEBHOOK_ID);
            headers.remove(WEBHOOK_SIGNATURE);
            if let Ok(Credentials::Bearer(secret)) = Credentials::of(&headers) {
                prop_assert!(!ring().matches_bearer(secret));
            }
        }

        #[test]
        fn a_bearer_is_found_however_its_scheme_is_written(
            scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", spaces in " {1,3}", secret in "[!-~]{1,60}",
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, format!("{scheme}{spaces}{secret}").parse().unwrap());
            match Credentials::of(&headers) {
                Ok(Credentials::Bearer(found)) => prop_assert_eq!(found, secret),
                _ => prop_assert!(false, "not found"),
            }
        }
    }
}
