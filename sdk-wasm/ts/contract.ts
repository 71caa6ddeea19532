// Generated from openapi/schemas by `cargo xtask generate`: do not edit.

/**
 * Opaque: "I have everything up to here". Pass it on exactly as the relay gave it
 */
export type Cursor = string;
/**
 * Words of A-Z a-z 0-9 _ - joined by dots; the prefix relay. is the relay's own
 */
export type EventName = string;
/**
 * Any JSON value, null too: at most 64 KiB by default, nested at most 64 deep; passed on as its own text without the white space between tokens
 */
export type Payload = unknown;
/**
 * The id of a session, of A-Z a-z 0-9 . _ : ~ -
 */
export type SessionId = string;
/**
 * RFC 3339 with offset; of a publish, within ±300 s (by default) of the relay's clock
 */
export type Timestamp = string;
/**
 * Why a client cannot go on from its cursor and must load its state again.
 */
export type ResyncReason = "epoch_changed" | "trimmed" | "unknown_cursor" | "fell_behind";
/**
 * A stable code: of a problem, a refused connection, an end of one, or a refused refresh.
 */
export type Code =
  | "bad_request"
  | "not_found"
  | "method_not_allowed"
  | "request_timeout"
  | "too_large"
  | "headers_too_large"
  | "unsupported_media_type"
  | "https_required"
  | "bad_json"
  | "invalid"
  | "unauthenticated"
  | "signature_invalid"
  | "signature_expired"
  | "app_required"
  | "app_unknown"
  | "bearer_disabled"
  | "nonce_conflict"
  | "nonce_memory_full"
  | "unavailable"
  | "rate_limited"
  | "resync"
  | "token_missing"
  | "token_invalid"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_too_long_lived"
  | "scope_missing"
  | "origin_denied"
  | "account_mismatch"
  | "session_mismatch"
  | "revoked"
  | "bad_handshake"
  | "too_many_connections"
  | "draining"
  | "server_error"
  | "bad_message"
  | "unknown_event";

/**
 * An event as clients get it: without its nonce, plus `id`, `seq` and `cursor`.
 */
export interface Envelope {
  /**
   * Where one stands who has this event and all before it.
   */
  cursor: Cursor;
  /**
   * Its name.
   */
  event: EventName;
  /**
   * The relay's id of the event, a UUIDv7.
   */
  id: string;
  /**
   * What the app sent with it.
   */
  payload: Payload;
  /**
   * Its number in this life of the session's log: 1, 2, 3…
   */
  seq: number;
  /**
   * The session it was published to.
   */
  sessionId: SessionId;
  /**
   * When the app says that it happened.
   */
  timestamp: Timestamp;
}
/**
 * `relay:resync`: load the state again, then go on from `cursor`.
 */
export interface Resync {
  /**
   * Where the events that follow start.
   */
  cursor: Cursor;
  /**
   * Why.
   */
  reason: ResyncReason;
}
