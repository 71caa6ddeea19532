//! `POST /socket/auth`: would this token open a connection? For a gateway that stands in front.
//!
//! Anybody may ask, because the token is its own credential. What that costs is bounded by the size of a message.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use forge_relay_core::Code;
use forge_relay_core::request::{SocketAuthAnswer, SocketAuthRequest};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};

use super::openapi::{Route, example};
use super::problem::Rejection;
use super::request_log::Noted;
use super::{AppState, body};

pub(super) fn describe() -> Route {
    Route::post("/socket/auth", "checkToken", "subscribe")
        .says(
            "Check a token",
            "Whether a connection would be opened with this token, for a gateway in front of the relay. It opens none, and a \
             token may be checked any number of times.",
        )
        .takes("SocketAuthRequest", example("SocketAuthRequest"))
        .answers(200, "The token is good, and this is what it says.", "SocketAuthAnswer", example("SocketAuthAnswer"))
        .refuses_as(401, &REFUSALS)
}

/// Everything that can be wrong with a token; all of it is 401 here.
const REFUSALS: [Code; 6] = [
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenNotYetValid,
    Code::TokenTooLongLived,
    Code::ScopeMissing,
];

pub(super) async fn check(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let body = body::read(
        &headers,
        body,
        state.limits.message,
        state.limits.body_deadline,
    )
    .await?;
    body::require_json(&headers)?;
    let request = SocketAuthRequest::parse(&body)?;
    // Whatever is wrong with a token, a gateway needs to know one thing first: that it is not good enough.
    let (index, claims) = state
        .apps
        .claims(&request.token, state.clock.now())
        .map_err(|refusal| Rejection::from(refusal).with_status(StatusCode::UNAUTHORIZED))?;
    noted.session(claims.session_id.as_str());
    let mut app_id = String::new();
    if let Some(app) = state.apps.get(index) {
        noted.app(&app.id);
        app_id.push_str(&app.id);
    }
    let answer = SocketAuthAnswer {
        app: app_id,
        expires_at: claims.exp,
        claims,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
