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
    /// Not a WebSocket of the one version there is: RFC 6455 §4.4.
    WebSocketVersion,
}

/// The ticket of the connection that the request becomes, or why it is refused.
pub(crate) fn upgrade<B>(sockets: &Sockets, request: &Request<B>) -> Result<Ticket, Bad> {
    let query = Query::of(request.uri())?;
    let key = check(request)?;
    let polled = query
        .sid
        .map(|sid| sockets.polling_connection(&sid))
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
}

impl Query {
    /// Reads it; only version 4 of the protocol is spoken.
    pub(super) fn of(uri: &Uri) -> Result<Self, Bad> {
        let (mut version, mut transport, mut sid) = (None, None, None);
        for pair in uri.query().unwrap_or("").split('&') {
            match pair.split_once('=') {
                Some(("EIO", value)) => version = Some(value),
                Some(("transport", value)) => transport = Some(value),
                Some(("sid", value)) => sid = Some(value.to_owned()),
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
        Ok(Self { transport, sid })
    }
}

/// The transport that a request asks for.
pub(crate) fn transport<B>(request: &Request<B>) -> Option<Transport> {
    Query::of(request.uri()).ok().map(|query| query.transport)
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
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_of_the_rfc() {
        assert_eq!(
            accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
