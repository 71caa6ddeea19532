import type { Code, FieldError } from "./contract.js";

/** The relay's codes, those of this package, and whatever a newer relay says. */
export type RelayErrorCode =
  | Code
  /** Nobody answered: no connection, or one that broke. */
  | "no_connection"
  /** No answer before the deadline. */
  | "timeout"
  /** The caller's signal was aborted. */
  | "aborted"
  /** An answer that is no relay's. */
  | "not_a_relay"
  /** A failure of something between here and the relay. */
  | "bad_gateway"
  /** Forge did not let the request out. */
  | "egress_blocked"
  /** The event could neither be published nor queued. */
  | "queue_failed"
  | (string & {});

/** What a {@link RelayError} says. */
export interface Failure {
  code: string;
  message: string;
  status?: number | undefined;
  retryable: boolean;
  mayBeInLog: boolean;
  retryAfter?: number | undefined;
  errors?: FieldError[] | undefined;
  requestId?: string | undefined;
}

/** The one error of this package. Its message says what happened and what to do. */
export class RelayError extends Error {
  /** For programs. */
  readonly code: RelayErrorCode;
  /** The HTTP status; `undefined` where nothing was answered. */
  readonly status: number | undefined;
  /** Whether the same may well succeed a little later. */
  readonly retryable: boolean;
  /**
   * Whether the event may be in the log all the same. If so, publish it again within 10 minutes of the first attempt
   * and with the same nonce, or not at all.
   */
  readonly mayBeInLog: boolean;
  /** In how many seconds the relay wants to be asked again. */
  readonly retryAfter: number | undefined;
  /** Every field that is wrong, not only the first: `field` is a JSON Pointer, `index` counts the events of a batch. */
  readonly errors: FieldError[] | undefined;
  /** The request's id, as in the relay's log. */
  readonly requestId: string | undefined;

  /** @internal */
  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(failure.message, options);
    this.name = "RelayError";
    this.code = failure.code;
    this.status = failure.status;
    this.retryable = failure.retryable;
    this.mayBeInLog = failure.mayBeInLog;
    this.retryAfter = failure.retryAfter;
    this.errors = failure.errors;
    this.requestId = failure.requestId;
  }
}

/** A wrong argument, by the field's name. */
export function wrong(field: string, code: FieldError["code"], message: string, index?: number): RelayError {
  const error: FieldError = { field, code, message };
  if (index !== undefined) error.index = index;
  return new RelayError({ code: "invalid", message, retryable: false, mayBeInLog: false, errors: [error] });
}

/** The same error, but for some of it. */
export function changed(error: RelayError, changes: Partial<Failure>): RelayError {
  const { message, cause } = error;
  return new RelayError({ ...error, message, ...changes }, cause === undefined ? undefined : { cause });
}
