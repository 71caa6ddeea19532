//! `GET /healthz`: the process answers. `GET /readyz`: it can take traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use forge_relay_core::Code;
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use super::openapi::{Route, example};
use super::problem::Rejection;

/// Whether this replica can take traffic. Whoever drains says so here.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    draining: AtomicBool,
    stopped: AtomicBool,
}

impl Readiness {
    /// From now on `/readyz` fails, so that load balancers look elsewhere. There is no way back.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// From now on nothing is published: the last client has been told.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The answer of a replica that is well.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    status: HealthStatus,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// The process answers.
    Alive,
    /// It can take traffic.
    Ready,
}

pub(super) fn describe_alive() -> Route {
    Route::get("/healthz", "isAlive", "operations")
        .says("Is it alive?", "Answers as long as the process does.")
        .answers(200, "It is.", "Health", example("Health"))
}

pub(super) fn describe_ready() -> Route {
    Route::get("/readyz", "isReady", "operations")
        .says(
            "Can it take traffic?",
            "No longer once it is about to stop.",
        )
        .answers(200, "It can.", "Health", example("Readiness"))
        .refuses(&[Code::Draining])
}

pub(super) async fn healthz() -> Json<Health> {
    Json(Health {
        status: HealthStatus::Alive,
    })
}

pub(super) async fn readyz(State(state): State<Arc<AppState>>) -> Result<Json<Health>, Rejection> {
    if state.ready.draining() {
        return Err(Rejection::new(
            Code::Draining,
            "this replica is shutting down: send traffic to another one",
        )
        .retry_after(5));
    }
    Ok(Json(Health {
        status: HealthStatus::Ready,
    }))
}
