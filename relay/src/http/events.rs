//! `POST /events` and `POST /events/batch`: where an event's way begins.
//!
//! The checks run in the order of the contract: size, who, content type, JSON, rules; then the hub looks at the nonces
//! and appends. A batch is checked whole before anything of it is published.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use forge_relay_core::{Code, Event, FieldCode, Receipts, Violation};
use http::{HeaderMap, StatusCode};

use super::openapi::{Route, example};
use super::problem::Rejection;
use super::request_log::Noted;
use super::{AppState, body};
use crate::session::PublishError;

pub(super) async fn one(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let parse =
        |body: &[u8], now| Event::parse(body, &state.apps.rules, now).map(|event| vec![event]);
    let mut receipts = publish(
        &state,
        &noted,
        &headers,
        body,
        state.limits.event_body,
        parse,
    )
    .await
    .map_err(|mut e| {
        e.errors.iter_mut().for_each(|error| error.index = None); // there is only one
        e
    })?;
    match receipts.pop() {
        Some(receipt) => Ok((StatusCode::ACCEPTED, Json(receipt)).into_response()),
        None => Err(Rejection::new(
            Code::ServerError,
            "this is a fault of the relay: publish again",
        )),
    }
}

pub(super) async fn batch(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let parse = |body: &[u8], now| Event::parse_batch(body, &state.apps.rules, now);
    let receipts = publish(
        &state,
        &noted,
        &headers,
        body,
        state.limits.batch_body,
        parse,
    )
    .await?;
    Ok((StatusCode::ACCEPTED, Json(Receipts { receipts })).into_response())
}

pub(super) fn describe_one() -> Route {
    Route::post("/events", "publishEvent", "publish")
        .says(
            "Publish one event",
            "202 means that the event is in the log of its session, and on its way to every client there. The same nonce with \
             the same session, name and payload within 10 minutes is answered with the first receipt and `duplicate: true`, and \
             delivered once: publishing again is always safe.",
        )
        .takes("Event", example("Event"))
        .publishers_only()
        .answers(202, "The event is in the log, at this place.", "Receipt", example("Receipt"))
        .refuses(&[Code::NonceConflict, Code::NonceMemoryFull, Code::Unavailable])
}

pub(super) fn describe_batch() -> Route {
    Route::post("/events/batch", "publishEvents", "publish")
        .says(
            "Publish 1 to 100 events",
            "All or nothing: the batch is checked whole before anything is published. One bad event, or one nonce that was used \
             with another event, refuses all of it, and `errors` says which by `index`. Events that are known already are fine.",
        )
        .takes("EventBatch", example("EventBatch"))
        .publishers_only()
        .answers(202, "All are in the log; the receipts are in the order sent.", "Receipts", example("Receipts"))
        .refuses(&[Code::NonceConflict, Code::NonceMemoryFull, Code::Unavailable])
}

async fn publish(
    state: &AppState,
    noted: &Noted,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    parse: impl FnOnce(&[u8], i64) -> Result<Vec<Event>, forge_relay_core::EventError>,
) -> Result<Vec<forge_relay_core::Receipt>, Rejection> {
    let body = body::read(headers, body, limit, state.limits.body_deadline).await?;
    let whole = Instant::now();
    let now = state.clock.now();
    let (index, app) = state.apps.publisher(headers, &body, now)?;
    noted.app(&app.id);
    body::require_json(headers)?;
    let events = parse(&body, now)?;
    drop(body);
    note_sessions(noted, &events);
    if state.rates.counts_events() {
        for (session, count) in count_by_session(&events) {
            state.rates.publish(index, session, count)?;
        }
    }
    if state.ready.stopped() {
        return Err(PublishError::Unavailable { retry_after: 1 }.into());
    }
    let receipts = state.hub.publish(index, events).await?;
    let known = receipts.iter().filter(|receipt| receipt.duplicate).count() as u64;
    state
        .metrics
        .published(receipts.len() as u64 - known, known, whole.elapsed());
    Ok(receipts)
}

fn count_by_session(events: &[Event]) -> HashMap<&str, u32> {
    let mut counts = HashMap::new();
    for event in events {
        *counts.entry(event.session_id.as_str()).or_default() += 1;
    }
    counts
}

/// A batch may go to many sessions; the line names the first and says how many others there are.
fn note_sessions(noted: &Noted, events: &[Event]) {
    let Some(first) = events.first() else { return };
    let others = events
        .iter()
        .map(|event| &event.session_id)
        .filter(|session| **session != first.session_id)
        .collect::<HashSet<_>>()
        .len();
    noted.session(match others {
        0 => first.session_id.to_string(),
        _ => format!("{} and {others} more", first.session_id),
    });
}

impl From<PublishError> for Rejection {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NonceConflict { indexes } => {
                let conflict = |index| forge_relay_core::FieldError {
                    index: Some(index),
                    ..Violation::new(
                        FieldCode::NonceConflict,
                        "this nonce was used with another event: make a new one for each event",
                    )
                    .at("/nonce")
                };
                let mut rejection = Self::new(
                    Code::NonceConflict,
                    "use a new nonce for every event, and the same one only to send the same event again",
                );
                rejection.errors = indexes.into_iter().map(conflict).collect();
                rejection
            }
            PublishError::NonceMemoryFull { retry_after } => Self::new(
                Code::NonceMemoryFull,
                "publish again a little later with the same nonce: the relay remembers as many as it can now",
            )
            .retry_after(retry_after),
            PublishError::Unavailable { retry_after } => Self::new(
                Code::Unavailable,
                "publish again a little later with the same nonce: it is delivered once, whatever became of this one",
            )
            .retry_after(retry_after),
        }
    }
}
