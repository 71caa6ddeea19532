/**
 * The outbox: events that could not be published wait in a queue of `@forge/events`, which hands them to a consumer again
 * and again for up to 24 hours.
 *
 * ```text
 * certainly not in the log (no connection, 429, the relay's 503)   again, for 24 h
 * perhaps in the log (cut answer, timeout, a proxy's 5xx)          again, but only for 9 minutes after the first such
 *                                                                  attempt: the relay remembers a nonce for 10, and
 *                                                                  after that, the event might be delivered twice
 * anything else, and both when their time is over                  onGiveUp
 * ```
 */
import type { Event } from "./contract.js";
import { changed, RelayError, wrong } from "./error.js";
import type { CallOptions, Relay } from "./relay.js";

/** What waits in the queue: the event, and what became of it so far. Never a secret. */
export type OutboxBody = {
  /** The version of this form. */
  forgeRelay: 1;
  /** The event's JSON: as text, so that no queue can write it otherwise, which would make it another event. */
  event: string;
  /** When the first attempt began, in Unix milliseconds. */
  firstAttemptAt: number;
  /** When the first attempt began of which nobody knows whether it reached the log; `null` if there was none. */
  unknownSince: number | null;
};

/** A `Queue` of `@forge/events`, as far as it is needed. */
export interface OutboxQueue {
  push(event: { body: OutboxBody; delayInSeconds?: number }): Promise<unknown>;
}

/** What a consumer of `@forge/events` is called with, as far as it is needed. */
export interface OutboxEvent {
  body: Record<string, unknown>;
  retryContext?: {
    retryCount: number;
    retryReason: string;
    retryData: unknown;
    retentionWindow?: { startTime: string; remainingTimeMs: number };
  };
}

/** An `InvocationError` of `@forge/events`: what its constructor returns is this plain object, by which Forge knows it. */
export interface RetryLater {
  _retry: true;
  retryOptions: { retryAfter: number; retryReason: string; retryData: RetryData };
}

/** An event that is not tried any more. */
export interface GiveUp {
  /** The event, with its nonce. */
  event: Event;
  /** Why. `mayBeInLog` says whether the event may have been delivered all the same. */
  error: RelayError;
  /** When it was first tried, in Unix milliseconds. */
  firstAttemptAt: number;
}

/** What a consumer needs. */
export interface OutboxConsumerOptions {
  /** Is told of every event that is given up, and awaited. */
  onGiveUp: (gaveUp: GiveUp) => unknown;
  /** How long an attempt may take, retries inside it included; the relay's `deadlineMs` unless told otherwise. */
  deadlineMs?: number;
}

/** Comes back with the next attempt. */
interface RetryData {
  /** When the consumer returned. */
  at: number;
  unknownSince: number | null;
}

const SECOND = 1_000;
/** Less than the relay's memory for nonces by a minute, for the attempt itself and for clocks that differ. */
const SAFE_MS = 9 * 60 * SECOND;
const KEPT_MS = 24 * 60 * 60 * SECOND;
/** Forge waits no longer than this. */
const LONGEST_DELAY_S = 900;
const FIRST_DELAY_S = 5;
/** Forge takes no more in one push. */
const LARGEST_PUSH = 200 * 1024;
const PUSH_DEADLINE_MS = 5 * SECOND;
/** Why Forge should call again, in its own words. */
const RATE_LIMITED = "FUNCTION_UPSTREAM_RATE_LIMITED";
const RETRY = "FUNCTION_RETRY_REQUEST";
/** Reasons with which the attempt that they speak of had ended by itself, or never began. */
const CLEAR = [RETRY, RATE_LIMITED, "FUNCTION_PLATFORM_RATE_LIMITED"];

/** Puts an event that could not be published into the queue. */
export async function enqueue(queue: OutboxQueue, event: string, firstAttemptAt: number, reason: RelayError): Promise<void> {
  const unknownSince = reason.mayBeInLog ? firstAttemptAt : null;
  const push = {
    body: { forgeRelay: 1, event, firstAttemptAt, unknownSince } satisfies OutboxBody,
    delayInSeconds: Math.min(Math.max(reason.retryAfter ?? FIRST_DELAY_S, 1), unknownSince === null ? LONGEST_DELAY_S : 60),
  };
  const bytes = Buffer.byteLength(JSON.stringify([push]));
  const failed = (why: string, cause?: unknown) =>
    new RelayError(
      {
        code: "queue_failed",
        message: `the event could not be published (${reason.message}), nor queued: ${why}`,
        retryable: true,
        mayBeInLog: reason.mayBeInLog,
      },
      { cause },
    );
  if (bytes > LARGEST_PUSH) throw failed(`it has ${bytes} bytes there, and Forge's queues take ${LARGEST_PUSH}`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer of the queue within ${PUSH_DEADLINE_MS} ms`)), PUSH_DEADLINE_MS);
  });
  try {
    await Promise.race([queue.push(push), late]);
  } catch (error) {
    throw failed(error instanceof Error ? error.message : String(error), error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The consumer of the outbox's queue: publishes what waits in it, or asks Forge to call again.
 *
 * ```ts
 * export const consumer = outboxConsumer(relay, { onGiveUp: ({ event, error }) => console.error(event.event, error.message) });
 * ```
 */
export function outboxConsumer(
  relay: Relay,
  options: OutboxConsumerOptions,
): (event: OutboxEvent) => Promise<RetryLater | undefined> {
  if (typeof relay?.publish !== "function") throw wrong("/relay", "wrong_type", "relay must be a Relay");
  if (typeof options?.onGiveUp !== "function") {
    throw wrong("/onGiveUp", "missing", "onGiveUp must be a function: it is told of events that are not tried any more");
  }
  const { onGiveUp, deadlineMs } = options;
  const call: CallOptions = deadlineMs === undefined ? {} : { deadlineMs };

  return async (queued) => {
    const { body, event } = read(queued?.body);
    const { firstAttemptAt } = body;
    let unknownSince = knownUntilNow(body, queued.retryContext);
    const start = Date.now();

    let error: RelayError;
    if (unknownSince !== null && start - unknownSince >= SAFE_MS) {
      const message = "nobody knows whether an earlier attempt reached the log, and the relay forgets its nonce: not sent again";
      error = new RelayError({ code: "timeout", message, retryable: false, mayBeInLog: true });
    } else {
      try {
        await relay.republish(body.event, call);
        return undefined;
      } catch (thrown) {
        if (!(thrown instanceof RelayError)) throw thrown;
        error = thrown;
      }
      if (error.mayBeInLog) unknownSince ??= start;
    }

    const now = Date.now();
    const window = queued.retryContext?.retentionWindow?.remainingTimeMs ?? KEPT_MS;
    const left = Math.min(
      firstAttemptAt + KEPT_MS - now,
      start + window - now,
      unknownSince === null ? KEPT_MS : unknownSince + SAFE_MS - now,
    );
    const retryAfter = delay(queued.retryContext?.retryCount ?? 0, error);
    // One more attempt where a shorter wait still leaves time for it.
    const waiting = Math.min(retryAfter, Math.floor(left / SECOND) - 1);
    if (!error.retryable || waiting < Math.max(1, error.retryAfter ?? 1)) {
      const final = changed(error, { mayBeInLog: unknownSince !== null });
      await onGiveUp({ event, error: final, firstAttemptAt });
      return undefined;
    }
    const retryReason = error.code === "rate_limited" ? RATE_LIMITED : RETRY;
    return { _retry: true, retryOptions: { retryAfter: waiting, retryReason, retryData: { at: now, unknownSince } } };
  };
}

/** Since when nobody knows, as far as the last attempt could tell. One that Forge ended itself could tell nothing. */
function knownUntilNow(body: OutboxBody, retry: OutboxEvent["retryContext"]): number | null {
  if (retry === undefined || retry === null || !(retry.retryCount > 0)) return body.unknownSince;
  const data = retry.retryData as Partial<RetryData> | null | undefined;
  const told = typeof data?.at === "number" ? (data as RetryData) : undefined;
  const since = told?.unknownSince ?? body.unknownSince;
  if (since !== null) return since;
  if (CLEAR.includes(retry.retryReason)) return null;
  // It began some time after this.
  return told?.at ?? body.firstAttemptAt;
}

/** Exponential, from 5 s to 15 min, between half and all of it; not before the relay wants it. In whole seconds. */
function delay(retries: number, error: RelayError): number {
  const most = Math.min(FIRST_DELAY_S * 2 ** Math.min(retries, 10), LONGEST_DELAY_S);
  const jittered = Math.ceil(most * (0.5 + Math.random() / 2));
  return Math.min(Math.max(jittered, error.retryAfter ?? 1), LONGEST_DELAY_S);
}

function read(sent: unknown): { body: OutboxBody; event: Event } {
  const body = (sent ?? {}) as OutboxBody;
  const isTime = (value: unknown) => typeof value === "number" && Number.isFinite(value);
  const hasTimes = isTime(body.firstAttemptAt) && (body.unknownSince === null || isTime(body.unknownSince));
  if (body.forgeRelay === 1 && typeof body.event === "string" && hasTimes) {
    try {
      return { body, event: JSON.parse(body.event) as Event };
    } catch {
      // Not what we wrote.
    }
  }
  throw wrong("/body", "format", "this event is not of publishOrQueue: give the outbox a queue of its own");
}
