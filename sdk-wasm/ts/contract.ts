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
 * How `relay:refresh` is acknowledged.
 */
export type RefreshAnswer =
  | {
      /**
       * When the connection's token ends.
       */
      expiresAt: number;
    }
  | Refused;
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
 * The answer to a read of a session's log: some of its events, oldest first.
 */
export interface EventPage {
  /**
   * Where one stands who has all of these events; on an empty page, too. Read on from here.
   */
  cursor: Cursor;
  /**
   * Oldest first; none where nothing follows the cursor that was sent.
   */
  events: Envelope[];
  /**
   * Whether more events follow that are in the log already.
   */
  more: boolean;
}
/**
 * `relay:ready`: the connection is in its session.
 */
export interface Ready {
  /**
   * The Socket.IO sid; of an event stream, the id of its request.
   */
  connectionId: string;
  /**
   * Where this connection starts: the cursor that was sent when `recovered`, that of the resync when one follows,
   * else the head.
   */
  cursor: Cursor;
  /**
   * The token's `exp`; absent for a publisher, who reads with the secret and for as long as it likes.
   */
  expiresAt?: number;
  /**
   * Whether it goes on exactly where the sent cursor was.
   */
  recovered: boolean;
  /**
   * How many missed events follow before live ones.
   */
  replayed: number;
  /**
   * The session that the token opens.
   */
  sessionId: SessionId;
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
/**
 * `relay:expiring`: fetch a new token and send it with `relay:refresh`.
 */
export interface Expiring {
  /**
   * The token's `exp`.
   */
  expiresAt: number;
  /**
   * How long that is from now.
   */
  inSeconds: number;
}
/**
 * `relay:bye`: the connection ends now, in order.
 */
export interface Bye {
  /**
   * When to come back, in milliseconds from now.
   */
  afterMs: number;
  /**
   * For programs.
   */
  code: Code;
  /**
   * What happened, and what to do.
   */
  reason: string;
  /**
   * Whether to come back.
   */
  reconnect: boolean;
}
/**
 * `connect_error.data`; the code is `connect_error.message`.
 */
export interface ConnectErrorData {
  /**
   * When to try again, in milliseconds from now.
   */
  afterMs?: number;
  /**
   * What happened, and what to do.
   */
  detail: string;
  /**
   * Whether it is worth trying again, with a new token.
   */
  retryable: boolean;
}
/**
 * What a client sends with its CONNECT, Socket.IO's `auth`. Fields that it does not know are ignored.
 */
export interface Handshake {
  /**
   * Where to go on from: text, because a client may hold any, and none is refused.
   */
  cursor?: string | null;
  /**
   * The token. A client whose token could not be fetched leaves it out, and is answered `token_missing`.
   */
  token: string;
}
/**
 * `relay:refresh`: a new token of the same account and session.
 */
export interface Refresh {
  /**
   * The new token.
   */
  token: string;
}
/**
 * How a client's message is refused, in its acknowledgement.
 */
export interface Refused {
  /**
   * For programs.
   */
  code: Code;
  /**
   * What to do.
   */
  message: string;
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
