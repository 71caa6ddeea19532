//! `POST /tokens`: mints a token for an authenticated publisher. Off unless an app turns it on; minting in the Forge
//! function needs no request.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use forge_relay_core::Code;
use forge_relay_core::request::TokenRequest;
use forge_relay_core::token::{self, NewToken};
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use uuid::Uuid;

use super::openapi::{Route, example};
use super::problem::Rejection;
use super::request_log::Noted;
use super::{AppState, body};

pub(super) async fn mint(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    if !state.apps.any_mints() {
        return Err(switched_off());
    }
    let body = body::read(
        &headers,
        body,
        state.limits.message,
        state.limits.body_deadline,
    )
    .await?;
    let now = state.clock.now();
    let (_, app) = state.apps.publisher(&headers, &body, now)?;
    noted.app(&app.id);
    if !app.mint_tokens {
        return Err(switched_off());
    }
    body::require_json(&headers)?;
    let request = TokenRequest::parse(&body, state.apps.token_life)?;
    noted.session(request.session_id.as_str());
    let new = NewToken {
        account_id: request.account_id.as_str(),
        session_id: &request.session_id,
        expires_in: request.expires_in.unwrap_or(state.apps.token_life),
        issuer: Some(&app.id),
    };
    let minted =
        token::mint(&app.token_keys, &new, now, &Uuid::now_v7().to_string()).map_err(|error| {
            tracing::error!(%error, "a checked request for a token could not be minted");
            Rejection::new(
                Code::ServerError,
                "this is a fault of the relay: its log says more",
            )
        })?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(minted)).into_response())
}

pub(super) fn describe() -> Route {
    Route::post("/tokens", "mintToken", "publish")
        .says(
            "Mint a token",
            "For publishers that cannot mint one themselves. Off, and then not found, unless the app turns `mint_tokens` on.",
        )
        .takes("TokenRequest", example("TokenRequest"))
        .publishers_only()
        .answers(200, "A token for this account in this session.", "Minted", example("Minted"))
        .refuses(&[Code::NotFound])
}

fn switched_off() -> Rejection {
    Rejection::new(
        Code::NotFound,
        "mint the token where the event is signed, or let the operator turn `mint_tokens` on for this app",
    )
}
