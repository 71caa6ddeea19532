use forge_relay_core::{Code, EventPage};
use serde_json::json;

use super::PATH;
use crate::http::openapi::{Route, example};

const SAYS: &str = include_str!("description.md");

pub(in crate::http) fn describe() -> Route {
    const CURSOR: &str =
        "The place to read on from: the `cursor` of a page, a receipt or an event.";
    let limit = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": EventPage::MAX_EVENTS,
        "default": EventPage::DEFAULT_EVENTS,
    });
    let cursor = json!({ "$ref": "#/components/schemas/Cursor" });
    Route::get(PATH, "readEvents", "subscribe")
        .says("Read a session's log, or follow it", SAYS)
        .of_a_session()
        .reads_with_a_bearer()
        .query_parameter("after", CURSOR, cursor.clone())
        .query_parameter("limit", "The most events of a page. A stream has no limit.", limit)
        .header_parameter(
            "Last-Event-ID",
            "Where a stream goes on from. Clients send the last `id` by themselves; it wins over `after`.",
            cursor,
        )
        .answers_or_streams(
            "A page of events, oldest first; or, where `Accept` names it, a stream of server-sent events.",
            "EventPage",
            example("EventPage"),
            STREAM,
        )
        .refuses(&[
            Code::NotFound,
            Code::TokenInvalid,
            Code::TokenExpired,
            Code::TokenNotYetValid,
            Code::TokenTooLongLived,
            Code::ScopeMissing,
            Code::SessionMismatch,
            Code::Resync,
            Code::Invalid,
            Code::RateLimited,
            Code::Draining,
            Code::Unavailable,
        ])
}

pub(in crate::http) fn describe_preflight() -> Route {
    Route::options(PATH, "preflightReadEvents", "subscribe")
        .says(
            "A browser's preflight",
            "Pages of the allowed origins may read; the answer says so to them, and to nobody else.",
        )
        .of_a_session()
        .answers_empty(204, "With CORS headers, where the page's origin is allowed.")
        .refuses(&[Code::NotFound])
}

/// The start of a stream, as an example.
const STREAM: &str = "\
retry: 2000
id: 5f3a9c0017e2b4d6-6
event: relay:ready
data: {\"sessionId\":\"abc-123\",\"connectionId\":\"018f3338-3c5c-7cc0-b0a1-5d8e4f0c9a11\",\"cursor\":\"5f3a9c0017e2b4d6-6\",\"recovered\":true,\"replayed\":1,\"expiresAt\":1714557900}

id: 5f3a9c0017e2b4d6-7
event: event
data: {\"id\":\"018f3338-3c60-7d0e-8a44-2f9e6f3b1c22\",\"sessionId\":\"abc-123\",\"seq\":7,\"cursor\":\"5f3a9c0017e2b4d6-7\",\"event\":\"vote.cast\",\"payload\":{\"issueKey\":\"SCRUM-1\",\"value\":\"5\",\"participantId\":\"acct-123\"},\"timestamp\":\"2024-05-01T10:00:00Z\"}

";
