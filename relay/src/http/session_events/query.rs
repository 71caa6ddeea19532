//! What a reader asks for.

use std::borrow::Cow;

use forge_relay_core::{Cursor, EventPage, FieldCode, FieldError, Violation};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

/// Where a stream goes on from; browsers and their like send it by themselves.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How the log is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Stream,
}

impl Form {
    /// A stream where `Accept` names one, and does not prefer JSON.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let ranges = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','));
        let (mut stream, mut json) = (0.0, 0.0);
        for range in ranges {
            let mut parts = range.split(';').map(str::trim);
            let wanted = match parts.next().unwrap_or("") {
                kind if kind.eq_ignore_ascii_case("text/event-stream") => &mut stream,
                kind if kind.eq_ignore_ascii_case("application/json") => &mut json,
                _ => continue,
            };
            let weight = parts
                .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
                .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            *wanted = f32::max(*wanted, weight);
        }
        if stream > 0.0 && stream >= json {
            Self::Stream
        } else {
            Self::Page
        }
    }
}

/// The parameters, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The place that was sent, `Err` where it is no cursor: that is answered, not refused.
    pub(super) after: Option<Result<Cursor, ()>>,
    /// The most events of a page.
    pub(super) limit: usize,
}

impl Query {
    /// Reads the query and, for a stream, `Last-Event-ID`. As in a publish, what is not known is refused: a
    /// cursor under a misspelt name would otherwise be passed over silently.
    pub(super) fn parse(
        text: &str,
        headers: &HeaderMap,
        form: Form,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let (mut after, mut limit) = (None, None);
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name);
            let slot = match &*name {
                "after" => &mut after,
                "limit" => &mut limit,
                other => {
                    let message = "the parameters are `after` and `limit`";
                    errors.push(Violation::new(FieldCode::Unknown, message).at(pointer(other)));
                    continue;
                }
            };
            if slot.replace(decode(value)).is_some() {
                let message = "send it once";
                errors.push(Violation::new(FieldCode::Duplicate, message).at(pointer(&name)));
            }
        }
        let limit = match (form, limit) {
            (_, None) => EventPage::DEFAULT_EVENTS,
            (Form::Page, Some(text)) => page_limit(&text).unwrap_or_else(|violation| {
                errors.push(violation.at("/limit"));
                0
            }),
            (Form::Stream, Some(_)) => {
                let message = "a stream has no end to count to: leave limit out, or ask for a page with `Accept: application/json`";
                errors.push(Violation::new(FieldCode::Unknown, message).at("/limit"));
                0
            }
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let after = match form {
            Form::Page => None,
            Form::Stream => last_event_id(headers),
        }
        .or_else(|| after.map(|text| text.parse().map_err(|_| ())));
        Ok(Self { after, limit })
    }
}

fn page_limit(text: &str) -> Result<usize, Violation> {
    let most = EventPage::MAX_EVENTS;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Violation::new(
            FieldCode::WrongType,
            format!("limit must be a whole number from 1 to {most}"),
        ));
    }
    text.parse()
        .ok()
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| {
            Violation::new(
                FieldCode::Range,
                format!("limit must be from 1 to {most}: read on with `after` for more"),
            )
        })
}

/// An empty one is none: that is how a client says that it has seen no id.
fn last_event_id(headers: &HeaderMap) -> Option<Result<Cursor, ()>> {
    let value = headers.get(LAST_EVENT_ID)?;
    if value.is_empty() {
        return None;
    }
    Some(
        value
            .to_str()
            .map_err(|_| ())
            .and_then(|text| text.parse().map_err(|_| ())),
    )
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// RFC 6901. What a stranger named is repeated in an error, and so is kept short.
fn pointer(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn form(accept: &str) -> Form {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Form::wanted(&headers)
    }

    #[test]
    fn a_stream_is_sent_to_who_asks_for_one() {
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Page);
        for accept in [
            "text/event-stream",
            "Text/Event-Stream",
            "text/event-stream, */*;q=0.1",
            "application/json;q=0.5, text/event-stream;q=0.9",
            "application/json, text/event-stream",
            "text/event-stream;charset=utf-8",
        ] {
            assert_eq!(form(accept), Form::Stream, "{accept}");
        }
        for accept in [
            "*/*",
            "application/json",
            "text/*",
            "text/event-stream;q=0",
            "text/event-stream;q=0.1, application/json",
            "",
        ] {
            assert_eq!(form(accept), Form::Page, "{accept}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let none = HeaderMap::new();
        let wrong = |text: &str, form| -> Vec<(String, FieldCode)> {
            let errors = Query::parse(text, &none, form).unwrap_err();
            errors.into_iter().map(|e| (e.field, e.code)).collect()
        };
        let at = |field: &str, code| (field.to_owned(), code);
        assert_eq!(
            wrong("aftr=1&limit=0&a~b/c=", Form::Page),
            [
                at("/aftr", FieldCode::Unknown),
                at("/a~0b~1c", FieldCode::Unknown),
                at("/limit", FieldCode::Range)
            ]
        );
        for (text, code) in [
            ("limit=", FieldCode::WrongType),
            ("limit", FieldCode::WrongType),
            ("limit=1.5", FieldCode::WrongType),
            ("limit=-1", FieldCode::WrongType),
            ("limit=501", FieldCode::Range),
            ("limit=99999999999999999999999", FieldCode::Range),
            ("limit=1&limit=1", FieldCode::Duplicate),
        ] {
            assert_eq!(wrong(text, Form::Page), [at("/limit", code)], "{text}");
        }
        assert_eq!(
            wrong("limit=5", Form::Stream),
            [at("/limit", FieldCode::Unknown)]
        );
    }

    #[test]
    fn a_place_is_a_cursor_or_known_to_be_none() {
        let cursor: Cursor = "5f3a9c0017e2b4d6-7".parse().unwrap();
        let mut headers = HeaderMap::new();
        let after = |text: &str, headers: &HeaderMap, form| {
            Query::parse(text, headers, form).unwrap().after
        };
        assert_eq!(after("", &headers, Form::Page), None);
        assert_eq!(after("after=", &headers, Form::Page), Some(Err(())));
        assert_eq!(after("after=x", &headers, Form::Page), Some(Err(())));
        let plain = "after=5f3a9c0017e2b4d6-7";
        assert_eq!(after(plain, &headers, Form::Page), Some(Ok(cursor)));
        let escaped = "%61fter=5f3a9c0017e2b4d6%2D7&limit=500";
        assert_eq!(after(escaped, &headers, Form::Page), Some(Ok(cursor)));
        headers.insert(LAST_EVENT_ID, "".parse().unwrap());
        assert_eq!(after(plain, &headers, Form::Stream), Some(Ok(cursor)));
        headers.insert(LAST_EVENT_ID, "y".parse().unwrap());
        assert_eq!(after(plain, &headers, Form::Stream), Some(Err(())));
        assert_eq!(after(plain, &headers, Form::Page), Some(Ok(cursor)));
        headers.insert(LAST_EVENT_ID, "5f3a9c0017e2b4d6-7".parse().unwrap());
        assert_eq!(after("after=x", &headers, Form::Stream), Some(Ok(cursor)));
    }

    proptest! {
        #[test]
        fn no_query_does_harm(text in "\\PC{0,60}", accept in "[ -~]{0,40}") {
            let _ = form(&accept);
            for form in [Form::Page, Form::Stream] {
                if let Ok(query) = Query::parse(&text, &HeaderMap::new(), form) {
                    prop_assert!((1..=500).contains(&query.limit));
                }
            }
        }
    }
}
