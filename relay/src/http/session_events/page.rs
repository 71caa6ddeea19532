use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use forge_relay_core::{Code, EventPage};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::query::Query;
use crate::http::AppState;
use crate::http::problem::Rejection;
use crate::session::{Gone, PageLimits};
use crate::store::SessionKey;

/// What a page has beside its events. A frame is longer than its envelope and a comma, so that a page whose frames
/// keep this distance from the most bytes keeps within them.
const BESIDE_EVENTS: usize = 128;

pub(super) async fn answer(
    state: &Arc<AppState>,
    key: &SessionKey,
    query: &Query,
) -> Result<Response, Rejection> {
    let limits = PageLimits {
        events: query.limit,
        bytes: EventPage::MAX_BYTES - BESIDE_EVENTS,
    };
    let page = match state.hub.read(key, query.after, limits).await? {
        Ok(page) => page,
        Err(gone) => {
            state.metrics.resync(gone.reason.as_str());
            return Err(gone.into());
        }
    };
    let bytes: usize = page.frames.iter().map(|frame| frame.len()).sum();
    let mut body = Vec::with_capacity(bytes + BESIDE_EVENTS);
    let envelopes = page
        .frames
        .iter()
        .filter_map(|frame| (state.envelope)(frame));
    EventPage::write_json(envelopes, page.cursor, page.more, &mut body);
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

impl From<Gone> for Rejection {
    fn from(gone: Gone) -> Self {
        Self::new(
            Code::Resync,
            "what follows this cursor is gone: load your state again, then read on from `cursor`",
        )
        .resync(gone.reason, gone.cursor)
    }
}
