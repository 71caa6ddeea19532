// sdk-core, as an addon (core-native.ts) or as WebAssembly (core-wasm.ts): which it is, is decided when it is packed.
import * as core from "#core";
import { RelayError, wrong, type Failure } from "./error.js";
import type * as Binding from "./binding.js";

export type Publisher = Binding.Publisher;

/** From a source that is fit for secrets. */
export const randomUuid: () => string = core.randomUuid;

/** Which form of the core runs: `native` in plain Node, `wasm` in a Forge bundle and where no addon fits the machine. */
export function runtime(): "native" | "wasm" {
  return core.form;
}

export function publisher(settings: unknown): Publisher {
  const text = json(settings, "the options");
  return say(() => new core.Publisher(text));
}

/** What the answer to a publish means: the receipts, or a {@link RelayError} that says why there are none. */
export function receipts<Receipt>(answer: object, body: Uint8Array, batch: number | undefined): Receipt[] {
  return JSON.parse(say(() => core.receipts(JSON.stringify(answer), body, batch)));
}

/** The core throws errors whose message is a failure's JSON. */
export function say<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const failure = error instanceof Error ? failureIn(error.message) : undefined;
    throw failure ? new RelayError(failure) : error;
  }
}

function failureIn(message: string): Failure | undefined {
  if (!message.startsWith("{")) return undefined;
  return JSON.parse(message) as Failure;
}

/** A value as JSON. What JSON cannot hold is named; what it leaves out is missed by the core's own check. */
export function json(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw unserializable(value, error);
  }
  if (text === undefined) throw wrong("", "wrong_type", `${what} must be given, this is ${typeof value}`);
  return text;
}

/** Finds the field that holds a bigint, or itself, or whatever else has no JSON. */
function unserializable(value: unknown, cause: unknown, index?: number): RelayError {
  const fails = (part: unknown): boolean => {
    try {
      JSON.stringify(part);
      return false;
    } catch {
      return true;
    }
  };
  if (Array.isArray(value) && index === undefined) {
    const at = value.findIndex(fails);
    if (at >= 0) return unserializable(value[at], cause, at);
  }
  const fields = value !== null && typeof value === "object" ? Object.entries(value) : [];
  const field = fields.find(([, part]) => fails(part))?.[0];
  const name = field === undefined ? "" : `/${field.replace(/~/g, "~0").replace(/\//g, "~1")}`;
  const reason = cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause);
  return wrong(name, "wrong_type", `${field ?? "this"} cannot be sent as JSON: ${reason}`, index);
}
