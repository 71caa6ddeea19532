//! `GET /sessions/{sessionId}/events`: a session's log, as a page or as a stream.
//!
//! | file | what |
//! |---|---|
//! | `query` | what is asked for: from where, how many, and in which of the two forms |
//! | `page` | some events, and the cursor to read on from |
//! | `stream` | all that follow, for as long as the request stays open: a reader with an outbox |
//! | `streams` | all streams of the relay: their end, and the slow ones |
//! | `text` | events and the relay's own messages as `text/event-stream` |
//!
//! Both forms send envelopes as slices of the frames that the log holds; nothing is encoded again.

mod describe;
mod page;
mod query;
mod stream;
mod streams;
mod text;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::Response;
use forge_relay_core::{Code, SessionId};
use http::{HeaderMap, Method};

use self::query::{Form, Query};
use super::problem::Rejection;
use super::request_log::Noted;
use super::{AppState, Client};
use crate::auth::{LogReader, warn_at};
use crate::come_back;
use crate::line::Line;
use crate::store::{SessionKey, Unavailable};

pub(super) use describe::{describe, describe_preflight};
pub(crate) use streams::Streams;

/// The route.
pub(super) const PATH: &str = "/sessions/{sessionId}/events";

/// Both forms.
pub(super) async fn read(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    (line, client): (Option<Extension<Arc<Line>>>, Option<Extension<Client>>),
    method: Method,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    let form = Form::wanted(&headers);
    let asked = Asked {
        state: &state,
        noted: &noted,
        // What cannot be decoded is no session's id, and is refused as such.
        session: path.as_ref().map_or("%", |Path(id)| id),
        query: query.as_deref().unwrap_or_default(),
        headers: &headers,
        client: client.map(|Extension(client)| client),
        form,
    };
    let answer = asked.answer(line.map(|Extension(line)| line), method).await;
    if let (Err(rejection), Form::Stream) = (&answer, form) {
        state.metrics.connection_refused(rejection.code.as_str());
    }
    answer
}

struct Asked<'a> {
    state: &'a Arc<AppState>,
    noted: &'a Noted,
    session: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    client: Option<Client>,
    form: Form,
}

impl Asked<'_> {
    /// How often from this address; then the checks in the order of the contract: who, the rules, how often; then the
    /// log.
    async fn answer(self, line: Option<Arc<Line>>, method: Method) -> Result<Response, Rejection> {
        let state = self.state;
        if let Some(client) = self.client {
            state.rates.request(client.address)?;
        }
        let reader = state.apps.log_reader(self.headers, state.clock.now())?;
        let (app, session) = self.session_of(&reader)?;
        let query = Query::parse(self.query, self.headers, self.form);
        let (session, query) = match (session, query) {
            (Ok(session), Ok(query)) => (session, query),
            (session, query) => {
                let mut errors: Vec<_> = session.err().into_iter().collect();
                errors.extend(query.err().unwrap_or_default());
                return Err(Rejection::invalid(errors));
            }
        };
        self.noted.session(session.as_str());
        let key = SessionKey { app, id: session };
        if self.form == Form::Page {
            return page::answer(state, &key, &query).await;
        }
        if state.ready.draining() {
            return Err(draining());
        }
        if let LogReader::Subscriber(subscriber) = &reader {
            state.rates.connect(app, &subscriber.account)?;
        }
        if method == Method::HEAD {
            return Ok(stream::head());
        }
        let token = match reader {
            LogReader::Publisher(_) => None,
            LogReader::Subscriber(subscriber) => Some(stream::TokenTimes {
                warn_at: warn_at(subscriber.issued_at, subscriber.expires_at),
                expires_at: subscriber.expires_at,
            }),
        };
        stream::answer(
            state,
            stream::Opening {
                key,
                after: query.after,
                id: self.noted.id().to_owned(),
                token,
                line,
            },
        )
        .await
    }

    /// Which session, of which app. The inner error: the path names none.
    #[allow(clippy::type_complexity)]
    fn session_of(
        &self,
        reader: &LogReader,
    ) -> Result<(u16, Result<SessionId, forge_relay_core::FieldError>), Rejection> {
        let (app, session) = match reader {
            LogReader::Publisher(app) => (
                *app,
                SessionId::parse(self.session).map_err(|violation| violation.at("/sessionId")),
            ),
            LogReader::Subscriber(subscriber) => (subscriber.app, Ok(subscriber.session.clone())),
        };
        if let Some(app) = self.state.apps.get(app) {
            self.noted.app(&app.id);
        }
        if let Ok(id) = &session
            && id.as_str() != self.session
        {
            return Err(Rejection::new(
                Code::SessionMismatch,
                "this token opens another session: read that one, or fetch a token for this one",
            ));
        }
        Ok((app, session))
    }
}

fn draining() -> Rejection {
    let seconds = come_back::after_ms().div_ceil(1000);
    Rejection::new(
        Code::Draining,
        "the relay is about to stop: connect again in a moment",
    )
    .retry_after(u32::try_from(seconds).unwrap_or(1))
}

impl From<Unavailable> for Rejection {
    fn from(_: Unavailable) -> Self {
        Self::new(
            Code::Unavailable,
            "read again a little later: the relay cannot reach its log",
        )
    }
}
