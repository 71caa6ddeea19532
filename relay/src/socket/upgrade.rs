//! The HTTP request that becomes a connection: RFC 6455 §4.2, and Engine.IO's own handshake errors.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use sha1::{Digest, Sha1};

use super::Sockets;
use super::connection::Connection;
use super::stamp::Stamp;

/// Where stock clients connect.
pub(crate) const PATH: &str = "/socket.io/";

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a connection keeps of its request.
pub(crate) struct Ticket {
    /// The connection that it takes over, where that has polled so far.
    pub(super) polled: Option<Arc<Connection>>,
    pub(super) origin: Option<Box<str>>,
    /// The head of the 101 answer, unless another has sent it.
    pub(super) head: String,
}

impl Ticket {
    /// Leaves the 101 answer to the caller.
    pub(crate) fn take_response(&mut self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let head = std::mem::take(&mut self.head);
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Engine.IO's errors of a handshake: <https://socket.io/docs/v4/server-api/#connection_error>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    Transport,
    Sid,
    Method,
    Request(&'static str),
    Version,
    /// Plain http, where https is required.
    Plain,
    /// As many connections as the relay can hold.
    Full,
    /// A payload that is larger than `maxPayload`.
    TooLarge,
    /// A payload that did not come in time.
    Slow,
    /// A payload whose end never came.
    Broken,
    /// Not a WebSocket of the one version there is: RFC 6455 §4.4.
    WebSocketVersion,
}

/// The ticket of the connection that the request becomes, or why it is refused.
pub(crate) fn upgrade<B>(sockets: &Sockets, request: &Request<B>) -> Result<Ticket, Bad> {
    let query = Query::of(request.uri())?;
    let key = check(request)?;
    let polled = query
        .sid
        .map(|sid| sockets.known_connection(&sid))
        .transpose()?;
    let origin = request
        .headers()
        .get(ORIGIN)
        .map(|origin| String::from_utf8_lossy(origin.as_bytes()).into());
    let accept = accept(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    Ok(Ticket {
        polled,
        origin,
        head,
    })
}

/// RFC 6455 §4.2.2, point 5.4.
fn accept(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    BASE64_STANDARD.encode(hash.finalize())
}

/// Which way a client asks to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    Polling,
}

/// The query of a handshake.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) transport: Transport,
    pub(crate) sid: Option<String>,
    pub(super) stamp: Option<Stamp>,
}

impl Query {
    /// Reads it; only version 4 of the protocol is spoken.
    pub(super) fn of(uri: &Uri) -> Result<Self, Bad> {
        let (mut version, mut transport, mut sid, mut stamp) = (None, None, None, None);
        for pair in uri.query().unwrap_or("").split('&') {
            match pair.split_once('=') {
                Some(("EIO", value)) => version = Some(value),
                Some(("transport", value)) => transport = Some(value),
                Some(("sid", value)) => sid = Some(value.to_owned()),
                Some(("t", value)) => stamp = Some(Stamp::of(value)),
                _ => {}
            }
        }
        let transport = match transport {
            Some("websocket") => Transport::WebSocket,
            Some("polling") => Transport::Polling,
            _ => return Err(Bad::Transport),
        };
        if version != Some("4") {
            return Err(Bad::Version);
        }
        Ok(Self {
            transport,
            sid,
            stamp,
        })
    }
}

/// The transport that a request asks for.
pub(crate) fn transport<B>(request: &Request<B>) -> Result<Transport, Bad> {
    Query::of(request.uri()).map(|query| query.transport)
}

/// Checks the request; answers its `Sec-WebSocket-Key`.
fn check<B>(request: &Request<B>) -> Result<&[u8], Bad> {
    if request.method() != Method::GET {
        return Err(Bad::Method);
    }
    let headers = request.headers();
    if request.version() != Version::HTTP_11 || !headers.contains_key(HOST) {
        return Err(Bad::Request(
            "a WebSocket begins with an HTTP/1.1 request with a Host",
        ));
    }
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        return Err(Bad::Request(
            "this transport begins with a WebSocket upgrade",
        ));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Bad::WebSocketVersion);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next().map(HeaderValue::as_bytes), keys.next()) {
        (Some(key), None) if BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16) => {
            Ok(key)
        }
        _ => Err(Bad::Request(
            "Sec-WebSocket-Key must be 16 bytes in base64, once",
        )),
    }
}

/// Whether a list header names `token`, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|entry| entry.trim().eq_ignore_ascii_case(token))
}

pub(crate) fn refuse(bad: Bad) -> Response<Body> {
    let (status, code, message) = match bad {
        Bad::Transport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
        Bad::Sid => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
        Bad::Method => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
        Bad::Request(why) => (StatusCode::BAD_REQUEST, 3, why),
        Bad::Full => (
            StatusCode::SERVICE_UNAVAILABLE,
            4,
            "Forbidden: the relay is full",
        ),
        Bad::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "larger than maxPayload"),
        Bad::Slow => (StatusCode::REQUEST_TIMEOUT, 3, "the payload took too long"),
        Bad::Broken => (StatusCode::BAD_REQUEST, 3, "the payload broke off"),
        Bad::Plain => (StatusCode::FORBIDDEN, 4, "Forbidden: connect over https"),
        Bad::Version => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
        Bad::WebSocketVersion => (
            StatusCode::UPGRADE_REQUIRED,
            3,
            "the WebSocket protocol has version 13",
        ),
    };
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if bad == Bad::WebSocketVersion {
        // RFC 9110 §15.5.22 wants the first two, RFC 6455 §4.4 the third.
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;
    use http::request::Builder;
    use http_body_util::BodyExt;

    use super::super::application::{Application, Heard, Message};
    use super::*;
    use crate::config::Config;
    use crate::metrics::Metrics;
    use crate::outboxes::Outboxes;

    struct Nobody;

    impl Application for Nobody {
        fn opened(&self, _: &Arc<Connection>) {}

        fn message(&self, _: &Arc<Connection>, _: Message<'_>) -> Heard {
            Heard::Misunderstood
        }

        fn origin_allowed(&self, _: &str) -> bool {
            false
        }

        fn misunderstood(&self, _: &Arc<Connection>, _: &'static str) {}
    }

    fn sockets() -> Arc<Sockets> {
        let secret = "0123456789abcdef0123456789abcdef";
        let config = Config::from_toml(&format!("secret = '{secret}'")).unwrap();
        Sockets::new(
            Arc::new(Nobody),
            Arc::new(Metrics::new()),
            Arc::new(Outboxes::new(config.limits.all_outboxes)),
            &config.limits,
            10,
        )
    }

    const QUERY: &str = "EIO=4&transport=websocket";
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn bare(query: &str) -> Builder {
        Request::get(format!("{PATH}?{query}"))
    }

    /// What every WebSocket client sends, without the headers named here.
    fn without(missing: &[&str]) -> Builder {
        let headers = [
            ("host", "relay.example"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        headers
            .into_iter()
            .filter(|(name, _)| !missing.contains(name))
            .fold(bare(QUERY), |request, (name, value)| {
                request.header(name, value)
            })
    }

    fn asked(request: Builder) -> Result<Ticket, Bad> {
        upgrade(&sockets(), &request.body(()).unwrap())
    }

    fn refused(request: Builder) -> Option<Bad> {
        asked(request).err()
    }

    const NOT_UPGRADED: Option<Bad> = Some(Bad::Request(
        "this transport begins with a WebSocket upgrade",
    ));
    const NOT_A_KEY: Option<Bad> = Some(Bad::Request(
        "Sec-WebSocket-Key must be 16 bytes in base64, once",
    ));
    const NOT_HTTP_11: Option<Bad> = Some(Bad::Request(
        "a WebSocket begins with an HTTP/1.1 request with a Host",
    ));

    #[test]
    fn the_accept_value_of_the_rfc() {
        assert_eq!(accept(KEY.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_stock_clients_request_becomes_a_connection() {
        let mut ticket = asked(without(&[])).unwrap();
        assert!(ticket.polled.is_none() && ticket.origin.is_none());
        assert_eq!(
            ticket.head,
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        );
        let response = ticket.take_response();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers();
        assert_eq!(headers.len(), 3);
        assert_eq!(headers["connection"], "Upgrade");
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(
            headers["sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert!(ticket.head.is_empty(), "it is not sent twice");
    }

    #[test]
    fn the_query_names_transport_and_version_in_any_order_among_others() {
        let ask = |query: &str| {
            let uri = format!("{PATH}?{query}").parse().unwrap();
            Query::of(&uri).map(|query| (query.transport, query.sid))
        };
        let fine = Ok((Transport::WebSocket, None));
        assert_eq!(ask("EIO=4&transport=websocket"), fine);
        assert_eq!(ask("t=abc&transport=websocket&x&EIO=4&=y"), fine);
        let polling = Ok((Transport::Polling, Some("S1".to_owned())));
        assert_eq!(ask("sid=S1&transport=polling&EIO=4"), polling);
        for (query, bad) in [
            ("", Bad::Transport),
            ("EIO=4", Bad::Transport),
            ("EIO=4&transport=", Bad::Transport),
            ("EIO=4&transport=webtransport", Bad::Transport),
            ("EIO=4&transport=WebSocket", Bad::Transport),
            ("EIO=3&transport=constructor", Bad::Transport),
            ("transport=websocket", Bad::Version),
            ("EIO=3&transport=websocket", Bad::Version),
            ("EIO=44&transport=polling", Bad::Version),
            ("eio=4&transport=polling", Bad::Version),
        ] {
            assert_eq!(ask(query), Err(bad), "{query}");
        }
        assert_eq!(
            Query::of(&PATH.parse().unwrap()).unwrap_err(),
            Bad::Transport
        );
    }

    #[test]
    fn a_sid_that_nobody_has_is_refused() {
        for sid in ["", "x", "AAAAAAAAAAAAAAAA", "../..", "%00"] {
            let request = without(&[]).uri(format!("{PATH}?{QUERY}&sid={sid}"));
            assert_eq!(refused(request), Some(Bad::Sid), "{sid}");
        }
    }

    #[test]
    fn only_get_over_http_11_with_a_host_is_upgraded() {
        for method in ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT"] {
            assert_eq!(
                refused(without(&[]).method(method)),
                Some(Bad::Method),
                "{method}"
            );
        }
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert_eq!(refused(without(&[]).version(version)), NOT_HTTP_11);
        }
        assert_eq!(refused(without(&["host"])), NOT_HTTP_11);
    }

    #[test]
    fn connection_and_upgrade_are_lists_in_any_case() {
        for connection in [
            "upgrade",
            "Upgrade",
            "UPGRADE",
            "keep-alive, Upgrade",
            "Upgrade,keep-alive",
            " , upgrade\t, close",
        ] {
            let request = without(&["connection"]).header("CONNECTION", connection);
            assert!(asked(request).is_ok(), "{connection}");
        }
        for websocket in ["websocket", "WebSocket", "h2c, websocket"] {
            let request = without(&["upgrade"]).header("Upgrade", websocket);
            assert!(asked(request).is_ok(), "{websocket}");
        }
        let two_lines = without(&["connection"])
            .header("connection", "keep-alive")
            .header("connection", "Upgrade");
        assert!(asked(two_lines).is_ok());
    }

    #[test]
    fn a_request_that_does_not_ask_for_a_websocket_is_refused() {
        assert_eq!(refused(without(&["connection"])), NOT_UPGRADED);
        assert_eq!(refused(without(&["upgrade"])), NOT_UPGRADED);
        for connection in ["keep-alive", "upgraded", "up grade", "\"upgrade\"", ""] {
            let request = without(&["connection"]).header("connection", connection);
            assert_eq!(refused(request), NOT_UPGRADED, "{connection}");
        }
        for other in ["h2c", "websockets", "web, socket", ""] {
            let request = without(&["upgrade"]).header("upgrade", other);
            assert_eq!(refused(request), NOT_UPGRADED, "{other}");
        }
    }

    #[test]
    fn there_is_one_version_of_the_protocol() {
        let missing = without(&["sec-websocket-version"]);
        assert_eq!(refused(missing), Some(Bad::WebSocketVersion));
        for version in ["8", "14", "013", "13, 8", ""] {
            let request = without(&["sec-websocket-version"]);
            let request = request.header("sec-websocket-version", version);
            assert_eq!(refused(request), Some(Bad::WebSocketVersion), "{version}");
        }
    }

    #[test]
    fn the_key_is_16_bytes_in_base64_once() {
        assert_eq!(refused(without(&["sec-websocket-key"])), NOT_A_KEY);
        assert_eq!(
            refused(without(&[]).header("sec-websocket-key", KEY)),
            NOT_A_KEY
        );
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",    // no padding
            "dGhlIHNhbXBsZSBub25j",      // 15 bytes
            "dGhlIHNhbXBsZSBub25jZTEy",  // 18 bytes
            "dGhlIHNhbXBsZSBub25jZQ==x", // more after the end
            "dGhlIHNhbXBsZSBub25j ZQ==", // a space
            "dGhlIHNhbXBsZSBub25jZ-_=",  // another alphabet
        ] {
            let request = without(&["sec-websocket-key"]).header("sec-websocket-key", key);
            assert_eq!(refused(request), NOT_A_KEY, "{key}");
        }
    }

    #[test]
    fn the_origin_is_kept_and_one_that_is_no_text_is_not_taken_for_none() {
        let with = |origin: &[u8]| {
            let origin = HeaderValue::from_bytes(origin).unwrap();
            asked(without(&[]).header(ORIGIN, origin)).unwrap().origin
        };
        assert_eq!(
            with(b"https://a.example").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(with(b"null").as_deref(), Some("null"));
        assert_eq!(with(b"").as_deref(), Some(""));
        assert_eq!(
            with(b"https://\xff.example").as_deref(),
            Some("https://\u{fffd}.example")
        );
    }

    #[test]
    fn a_refusal_is_engine_ios_error_with_a_status() {
        for (bad, status, code) in [
            (Bad::Transport, 400, 0),
            (Bad::Sid, 400, 1),
            (Bad::Method, 400, 2),
            (Bad::Request("why"), 400, 3),
            (Bad::TooLarge, 413, 3),
            (Bad::Slow, 408, 3),
            (Bad::WebSocketVersion, 426, 3),
            (Bad::Plain, 403, 4),
            (Bad::Full, 503, 4),
            (Bad::Version, 400, 5),
        ] {
            let response = refuse(bad);
            assert_eq!(response.status().as_u16(), status, "{bad:?}");
            let headers = response.headers();
            assert_eq!(headers[CONTENT_TYPE], "application/json");
            let upgrade_required = status == 426;
            assert_eq!(
                headers.contains_key(SEC_WEBSOCKET_VERSION),
                upgrade_required
            );
            assert_eq!(headers.contains_key(UPGRADE), upgrade_required);
            let body = response.into_body().collect().now_or_never();
            let body = body.unwrap().unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["code"], code, "{bad:?}");
            assert!(
                body["message"]
                    .as_str()
                    .is_some_and(|message| !message.is_empty())
            );
            assert_eq!(
                body.as_object().unwrap().len(),
                2,
                "as stock clients know it"
            );
        }
        assert_eq!(
            refuse(Bad::WebSocketVersion).headers()[SEC_WEBSOCKET_VERSION],
            "13"
        );
    }
}
