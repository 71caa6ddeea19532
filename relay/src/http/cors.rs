//! Cross-origin reads: which pages may see an answer. For the routes that browsers use; never for publishing.
//!
//! An answer says so to the allowed origins of its app. As long as nobody knows whose a request is, in a preflight or
//! before it is authenticated, any app's origins do: all there is to see then is a refusal.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::AppState;
use super::request_log::Noted;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What a page may send beside what every page may.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, last-event-id, relay-app");
/// What a page may read beside what every page may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");
/// Seconds for which a browser may remember a preflight: an operator's change of the origins is felt soon.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// What the answer depends on, for caches.
const DEPENDS_ON: HeaderValue = HeaderValue::from_static("origin, accept");

/// Goes around a route that pages read.
pub(super) async fn layer(
    State(state): State<Arc<AppState>>,
    Extension(noted): Extension<Noted>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(VARY, DEPENDS_ON);
    if let Some(origin) = origin
        && allowed(&state, &noted, &origin)
    {
        allow(headers, origin, preflight);
    }
    response
}

fn allowed(state: &AppState, noted: &Noted, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    match noted.app_id().and_then(|id| state.apps.by_id(id)) {
        Some((_, app)) => app.allows_origin(origin),
        None => state.apps.origin_allowed_by_any(origin),
    }
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}

/// `OPTIONS`: a browser's question, or anybody's. The layer adds what an allowed page needs.
pub(super) async fn preflight() -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response()
}
