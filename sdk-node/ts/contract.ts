// Generated from openapi/schemas by `cargo xtask generate`: do not edit.

/**
 * Words of A-Z a-z 0-9 _ - joined by dots; the prefix relay. is the relay's own
 */
export type EventName = string;
/**
 * The idempotency key, visible ASCII, unique per app: a UUID is a good one
 */
export type Nonce = string;
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
 * Opaque: "I have everything up to here". Pass it on exactly as the relay gave it
 */
export type Cursor = string;
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
 * The kind of rule that a field broke; stable, for programs. The message beside it is for people.
 */
export type FieldCode =
  | "missing"
  | "unknown"
  | "duplicate"
  | "wrong_type"
  | "length"
  | "format"
  | "range"
  | "reserved"
  | "too_large"
  | "too_deep"
  | "clock_skew"
  | "nonce_conflict";
/**
 * Why a client cannot go on from its cursor and must load its state again.
 */
export type ResyncReason = "epoch_changed" | "trimmed" | "unknown_cursor" | "fell_behind";

/**
 * A publish request that keeps every rule.
 */
export interface Event {
  /**
   * The event's name.
   */
  event: EventName;
  /**
   * The idempotency key: publishing again with the same one delivers nothing new.
   */
  nonce: Nonce;
  /**
   * What it carries.
   */
  payload: Payload;
  /**
   * The session to publish to.
   */
  sessionId: SessionId;
  /**
   * When it happened; passed on unchanged.
   */
  timestamp: Timestamp;
}
/**
 * The answer to a publish: the event is in the log, at this place.
 */
export interface Receipt {
  /**
   * Where one stands who has this event and all before it.
   */
  cursor: Cursor;
  /**
   * Whether the same nonce had published this event before; it was then delivered that time, and not again.
   */
  duplicate: boolean;
  /**
   * The relay's id of the event, a UUIDv7.
   */
  id: string;
  /**
   * Its number in this life of the session's log.
   */
  seq: number;
  /**
   * The session it was published to.
   */
  sessionId: SessionId;
}
/**
 * The answer to a batch: one receipt an event, in the order sent.
 */
export interface Receipts {
  /**
   * In the order sent.
   */
  receipts: Receipt[];
}
/**
 * One entry of a problem's `errors`.
 */
export interface FieldError {
  /**
   * The rule that is broken.
   */
  code: FieldCode;
  /**
   * A JSON Pointer (RFC 6901) to the field, from the event (of a batch: from the event at `index`); empty for the
   * whole.
   */
  field: string;
  /**
   * Which event of a batch, from 0; absent where there is no batch.
   */
  index?: number;
  /**
   * What to do about it.
   */
  message: string;
}
/**
 * An error answer, RFC 9457 `application/problem+json`.
 */
export interface Problem {
  /**
   * For programs.
   */
  code: Code;
  /**
   * With `resync`: where to go on from.
   */
  cursor?: Cursor;
  /**
   * What happened this time, and what to do.
   */
  detail: string;
  /**
   * Every field that is wrong, not only the first.
   */
  errors?: FieldError[];
  /**
   * With `resync`: why.
   */
  reason?: ResyncReason;
  /**
   * The request's id, as in the relay's log.
   */
  requestId: string;
  /**
   * The HTTP status.
   */
  status: number;
  /**
   * A short summary, the same for every occurrence of the code.
   */
  title: string;
  /**
   * `urn:forge-relay:problem:` and the code.
   */
  type: string;
}
/**
 * What a token says, once it is checked. Times are Unix seconds.
 */
export interface Claims {
  /**
   * When it ends.
   */
  exp: number;
  /**
   * When it was made.
   */
  iat: number;
  /**
   * The app that made it; required where a relay serves several.
   */
  iss?: string;
  /**
   * Its own id, 1 to 128 characters.
   */
  jti: string;
  /**
   * When it begins, if not at once.
   */
  nbf?: number;
  /**
   * What it allows; contains `subscribe`.
   */
  scope: string[];
  /**
   * The session it opens.
   */
  sessionId: SessionId;
  /**
   * Whose token it is: the account id, 1 to 256 characters.
   */
  sub: string;
}
/**
 * A minted token, and the answer of `POST /tokens`.
 */
export interface Minted {
  /**
   * Its `exp`, in Unix seconds.
   */
  expiresAt: number;
  /**
   * The token.
   */
  token: string;
}
