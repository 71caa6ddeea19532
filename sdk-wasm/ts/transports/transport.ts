import type { CoreSubscription } from "../core.js";
import type { Envelope } from "../contract.js";

/** What carries events. */
export type TransportName = "websocket" | "sse" | "pages";

/** All of them, best first. */
export const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "pages"];

/** What a transport is opened with. */
export interface Opening {
  /** The relay's address, without a slash at its end. */
  url: string;
  token: string;
  cursor: string | undefined;
}

/** Tells the session what happened on a connection. Never called before the opening call has returned. */
export interface Listener {
  /** Tells the state machine; `now` and the connection's number are put in. */
  tell(input: (core: CoreSubscription, now: number, connection: number) => void): void;
  /** An event, as it was received: nothing of it has been checked. */
  event(envelope: unknown): void;
}

/** An open connection. */
export interface Transport {
  /** Ends it; nothing is heard of it any more. */
  close(): void;
  /** `relay:refresh`. */
  refresh?(token: string): void;
  /** Reads the page after the cursor. */
  readPage?(cursor: string | undefined): void;
}

/** Whether it looks like an envelope. A relay says nothing else, but it is not the page's to crash on it. */
export function isEnvelope(value: unknown): value is Envelope {
  if (!isObject(value)) return false;
  const { id, sessionId, seq, cursor, event, timestamp } = value;
  const texts = [id, sessionId, cursor, event, timestamp].every((text) => typeof text === "string");
  return texts && typeof seq === "number" && "payload" in value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Text, or an empty one where something else was sent: which no cursor and no code is. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A number that is not negative, or `undefined`. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}
