// Generated from sdk-node/src by `cargo xtask generate`: do not edit.

/** Keys, app and rules. */
export declare class Publisher {
  /** From `{ secret, tokenSecret?, app?, payloadBytes? }`. */
  constructor(settings: string)
  /** The body of a publish, from an event that may lack its nonce and time. */
  complete(event: string, nonce: string, nowMs: number): string
  /** The body of a batch, from events that may. */
  completeBatch(events: string, nonce: string, nowMs: number): string
  /** The body of an earlier attempt, with the time of this one. */
  restamp(body: string, nowMs: number): string
  /** The header fields of a signed request. */
  headers(body: Uint8Array, id: string, nowMs: number): string
  /** `{ token, expiresAt }` for `{ accountId, sessionId, expiresIn? }`. */
  mint(request: string, jti: string, nowMs: number): string
  /** The claims of a token that a relay would take. */
  verify(token: string, nowMs: number): string
}

/** The receipts that an answer holds, as an array. */
export declare function receipts(answer: string, body: Uint8Array, batch?: number | undefined | null): string

/**
 * A random UUID, straight from the system. WebAssembly has it from its host; here the host's costs a cold start the
 * loading of Web Crypto.
 */
export declare function randomUuid(): string
