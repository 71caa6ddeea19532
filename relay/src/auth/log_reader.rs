//! Who reads a log: a publisher by the secret, or a subscriber by a token. Both come as a bearer, because a
//! signature needs a body to sign.

use forge_relay_core::{Code, token};
use http::HeaderMap;

use super::publisher::{bearer, names_app};
use super::{Refusal, Subscriber};
use crate::app::Apps;
use crate::store::AppIndex;

/// Whose request it is.
#[derive(Debug)]
pub(crate) enum LogReader {
    /// The app's own: any of its sessions.
    Publisher(AppIndex),
    /// A client: the session of its token.
    Subscriber(Subscriber),
}

impl Apps {
    /// Who wants to read. What parses as a JWS is a token, anything else a secret.
    pub(crate) fn log_reader(&self, headers: &HeaderMap, now: i64) -> Result<LogReader, Refusal> {
        const MISSING: &str =
            "send `Authorization: Bearer` with a token of this session, or with the app's secret";
        let text = bearer(headers, MISSING)?;
        if !token::looks_like_jws(text) {
            let (index, app) = self.named(headers)?;
            app.takes_bearer(text)?;
            return Ok(LogReader::Publisher(index));
        }
        let subscriber = self.subscriber(text, now)?;
        if names_app(headers) && self.named(headers)?.0 != subscriber.app {
            return Err(Refusal::new(
                Code::TokenInvalid,
                "the token is of another app than `relay-app` names: leave the header out, the token says it",
            ));
        }
        Ok(LogReader::Subscriber(subscriber))
    }
}
