use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};
use forge_relay_core::Code;

use super::problem::Rejection;
use super::request_log::outermost;
use super::{
    AppState, cors, docs, events, health, metrics, openapi, session_events, socket_auth, tokens,
};

/// All routes. Answers every request, and every error as a problem; needs no socket.
///
/// The accept loop puts a [`Peer`](super::Peer) into each request's extensions; without one there is no client address,
/// and the request counts as plain http.
pub(crate) fn router(state: AppState) -> Router {
    let state = Arc::new(state);
    let reading =
        get(session_events::read)
            .options(cors::preflight)
            .layer(middleware::from_fn_with_state(
                Arc::clone(&state),
                cors::layer,
            ));
    Router::new()
        .route("/events", post(events::one))
        .route("/events/batch", post(events::batch))
        .route(session_events::PATH, reading)
        .route("/tokens", post(tokens::mint))
        .route("/socket/auth", post(socket_auth::check))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::scrape))
        .route("/openapi.json", get(openapi::serve))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::asset))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            outermost,
        ))
        .with_state(state)
}

async fn not_found() -> Rejection {
    Rejection::new(
        Code::NotFound,
        "check the address: `/docs` shows the routes, Socket.IO is at `/socket.io/`",
    )
}

async fn method_not_allowed() -> Rejection {
    Rejection::new(
        Code::MethodNotAllowed,
        "use a method that the header `Allow` names",
    )
}
