//! Who subscribes: the holder of a token.

use forge_relay_core::token::{self, Issuer, TokenError, TokenRules};
use forge_relay_core::{Claims, Code, SessionId};

use super::Refusal;
use crate::app::{App, Apps};
use crate::store::AppIndex;

/// Whom a token lets in, and where.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) app: AppIndex,
    pub(crate) account: Box<str>,
    pub(crate) session: SessionId,
    /// The token's `exp`, in Unix seconds.
    pub(crate) expires_at: i64,
    /// The token's `iat`, in Unix seconds.
    pub(crate) issued_at: i64,
}

/// When a token's holder is told that it soon ends, in Unix seconds: 60 s before, or at half its life if that is later.
pub(crate) fn warn_at(issued_at: i64, expires_at: i64) -> i64 {
    let half = issued_at + (expires_at - issued_at) / 2;
    half.max(expires_at - 60)
}

/// Accounts are people, and stay out of logs.
impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriber")
            .field("app", &self.app)
            .field("session", &self.session)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Apps {
    /// Verifies a token: whose it is, and which app's.
    pub(crate) fn subscriber(&self, text: &str, now: i64) -> Result<Subscriber, Refusal> {
        let (app, claims) = self.claims(text, now)?;
        Ok(Subscriber {
            app,
            account: claims.sub.into(),
            session: claims.session_id,
            expires_at: claims.exp,
            issued_at: claims.iat,
        })
    }

    /// Verifies a token and hands out all it says.
    pub(crate) fn claims(&self, text: &str, now: i64) -> Result<(AppIndex, Claims), Refusal> {
        let (index, app, issuer) = self.app_of(text)?;
        let rules = TokenRules {
            max_life: self.token_life,
            leeway: self.token_leeway,
            issuer,
        };
        let claims =
            token::verify(&app.token_keys, text, &rules, now).map_err(|error| refusal(&error))?;
        Ok((index, claims))
    }

    /// The app whose keys must have signed the token. Where there are several, its own unverified word says which; were
    /// it to lie, the keys of the app that it names would not fit.
    fn app_of(&self, text: &str) -> Result<(AppIndex, &App, Issuer<'_>), Refusal> {
        if let Some((index, app)) = self.only() {
            return Ok((index, app, Issuer::Optional(&app.id)));
        }
        let issuer = token::peek_issuer(text).map_err(|error| refusal(&error))?;
        match issuer.and_then(|issuer| self.by_id(&issuer)) {
            Some((index, app)) => Ok((index, app, Issuer::Required(&app.id))),
            None => Err(Refusal::new(
                Code::TokenInvalid,
                "send a token whose claim `iss` is the app's id: this relay serves several apps",
            )),
        }
    }
}

fn refusal(error: &TokenError) -> Refusal {
    Refusal::new(error.code(), error.to_string())
}
