//! `GET /metrics`, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::AppState;
use super::openapi::Route;
use crate::metrics;

pub(super) fn describe() -> Route {
    Route::get("/metrics", "getMetrics", "operations")
        .says("Metrics", "For Prometheus: `publish_latency`, `connected_clients`, `events_per_session`, `errors_by_type`, and more.")
        .answers_text(200, "OpenMetrics text.", &["application/openmetrics-text"])
}

pub(super) async fn scrape(State(state): State<Arc<AppState>>) -> Response {
    state.metrics.log_bytes.set(gauge(state.hub.bytes()));
    state
        .metrics
        .nonce_bytes
        .set(gauge(state.hub.nonce_bytes()));
    (
        [(CONTENT_TYPE, metrics::CONTENT_TYPE)],
        state.metrics.encode(),
    )
        .into_response()
}

fn gauge(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
