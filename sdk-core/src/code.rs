//! Every stable code of the contract, in one place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines [`Code`] as one table, so that a code cannot lack its status, its title or its answer to "again?".
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal $status:tt $again:ident $title:literal;)*) => {
        /// A stable code: of a problem, a refused connection, an end of one, or a refused refresh.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl Code {
            /// All of them, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code that is sent as this text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }

            /// The code as it is sent.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that goes with it; `None` where it is never sent over HTTP.
            ///
            /// ```
            /// use forge_relay_core::Code;
            /// assert_eq!(Code::NonceConflict.as_str(), "nonce_conflict");
            /// assert_eq!(Code::NonceConflict.http_status(), Some(409));
            /// ```
            pub const fn http_status(self) -> Option<u16> {
                match self { $(Self::$variant => codes!(@status $status),)* }
            }

            /// A short summary, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Whether the same request, with a fresh token where it takes one, may well be accepted a little later.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => codes!(@again $again),)* }
            }
        }
    };
    (@status -) => { None };
    (@status $status:literal) => { Some($status) };
    (@again again) => { true };
    (@again never) => { false };
}

codes! {
    // What is wrong with a request as such.
    /// The request is not one that HTTP or this route understands.
    BadRequest "bad_request" 400 never "The request cannot be understood";
    /// There is nothing at this address, or it is switched off.
    NotFound "not_found" 404 never "There is nothing here";
    /// The address exists, the method does not.
    MethodNotAllowed "method_not_allowed" 405 never "This address does not have this method";
    /// The request did not arrive in time.
    RequestTimeout "request_timeout" 408 again "The request took too long";
    /// The body, or a message, is larger than allowed.
    TooLarge "too_large" 413 never "Too large";
    /// The header fields are larger than allowed.
    HeadersTooLarge "headers_too_large" 431 never "The header fields are too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType "unsupported_media_type" 415 never "The body must be application/json";
    /// The relay only answers over https.
    HttpsRequired "https_required" 403 never "This relay answers over https only";
    /// The body is not JSON.
    BadJson "bad_json" 400 never "The body is not JSON";
    /// The body is JSON that breaks the rules; `errors` says which.
    Invalid "invalid" 422 never "The request breaks the rules";

    // Who may publish.
    /// Neither a signature nor a bearer secret was sent, or the secret is not one of the app's.
    Unauthenticated "unauthenticated" 401 never "Who are you?";
    /// No key of the app made this signature.
    SignatureInvalid "signature_invalid" 401 never "The signature does not match";
    /// The signature's timestamp is too far from the relay's clock.
    SignatureExpired "signature_expired" 401 never "The signature is too old, or from the future";
    /// The relay serves several apps and the request names none.
    AppRequired "app_required" 400 never "Name the app";
    /// The relay serves no such app.
    AppUnknown "app_unknown" 401 never "This relay does not know the app";
    /// The app does not take bearer secrets.
    BearerDisabled "bearer_disabled" 403 never "This app takes signed requests only";

    // What became of a publish, and of a read.
    /// The nonce was used with another event.
    NonceConflict "nonce_conflict" 409 never "The nonce was used with another event";
    /// No further nonce can be remembered now.
    NonceMemoryFull "nonce_memory_full" 503 again "The memory for nonces is full";
    /// The log cannot take the event now.
    Unavailable "unavailable" 503 again "The relay cannot take this now";
    /// Too many requests, connections or messages in a short time.
    RateLimited "rate_limited" 429 again "Too often";
    /// The place asked for is gone from the log.
    Resync "resync" 410 never "What you missed is gone";

    // Who may subscribe. A client fetches a new token for every attempt, so a token that is merely out of its time is
    // worth another one; so is a token that could not be fetched.
    /// No token was sent.
    TokenMissing "token_missing" 401 again "A token is needed";
    /// Not a token, not signed by a key of the app, or with claims that break the rules.
    TokenInvalid "token_invalid" 401 never "The token is not valid";
    /// The token's time is over.
    TokenExpired "token_expired" 401 again "The token has expired";
    /// The token's time has not come.
    TokenNotYetValid "token_not_yet_valid" 401 again "The token is not valid yet";
    /// The token was made for longer than is allowed.
    TokenTooLongLived "token_too_long_lived" 401 never "The token lives too long";
    /// The token's scope does not contain `subscribe`.
    ScopeMissing "scope_missing" 403 never "The token does not allow this";
    /// The page's origin is not allowed.
    OriginDenied "origin_denied" 403 never "This origin is not allowed";
    /// The token is of another account than the connection.
    AccountMismatch "account_mismatch" 403 never "The token is of another account";
    /// The token is of another session than the connection or the request.
    SessionMismatch "session_mismatch" 403 never "The token is of another session";
    /// The access was taken back.
    Revoked "revoked" 403 never "The access was revoked";

    // Connections.
    /// The handshake is not an object with a token.
    BadHandshake "bad_handshake" - never "The handshake is not understood";
    /// The relay has as many connections as it can hold.
    TooManyConnections "too_many_connections" 503 again "The relay is full";
    /// The relay is about to stop.
    Draining "draining" 503 again "The relay is about to stop";
    /// The relay failed.
    ServerError "server_error" 500 again "The relay failed";
    /// A message that cannot be understood, or may not be sent.
    BadMessage "bad_message" - never "The message is not understood";
    /// An event that clients cannot send.
    UnknownEvent "unknown_event" - never "Clients cannot send this event";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a client cannot go on from its cursor and must load its state again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResyncReason {
    /// The log began anew since: a restart, or a session that nobody used for a while.
    EpochChanged,
    /// The log no longer holds what was missed.
    Trimmed,
    /// Not a cursor of this session.
    UnknownCursor,
    /// The connection was slower than its session for too long.
    FellBehind,
}

impl ResyncReason {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::EpochChanged,
        Self::Trimmed,
        Self::UnknownCursor,
        Self::FellBehind,
    ];

    /// The reason that is sent as this text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason as it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EpochChanged => "epoch_changed",
            Self::Trimmed => "trimmed",
            Self::UnknownCursor => "unknown_cursor",
            Self::FellBehind => "fell_behind",
        }
    }
}

impl fmt::Display for ResyncReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
