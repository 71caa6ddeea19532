import type { Code } from "./contract.js";

/** What {@link RelayError} says beside its message. */
export interface RelayErrorDetails {
  /** The relay's code, or `invalid` where an argument is wrong. */
  code: Code | ClientCode;
  /** The argument that is wrong. */
  field?: string;
  /** Whether the same may work a little later. */
  retryable?: boolean;
  /** What led to it. */
  cause?: unknown;
}

/** Codes that only the client uses. */
export type ClientCode = "invalid" | "runtime_unavailable" | "closed";

/** The one error of this package. Its message says what to do. */
export class RelayError extends Error {
  override readonly name = "RelayError";
  readonly code: Code | ClientCode;
  readonly field: string | undefined;
  readonly retryable: boolean;

  constructor(message: string, details: RelayErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.field = details.field;
    this.retryable = details.retryable ?? false;
  }
}

/** A wrong argument, by its name and with the cure. */
export function invalid(field: string, cure: string): RelayError {
  return new RelayError(`${field}: ${cure}`, { code: "invalid", field });
}
