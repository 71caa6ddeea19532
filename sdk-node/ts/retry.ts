import { changed, RelayError } from "./error.js";

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** How long to try, and who may end it. */
export interface Limits {
  url: string;
  deadlineMs: number;
  signal: AbortSignal | undefined;
}

/**
 * Attempts until one succeeds, one fails for good, or the next would come after the deadline. The error says whether
 * *any* attempt may have reached the log.
 */
export async function until<T>(limits: Limits, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { url, deadlineMs, signal: caller } = limits;
  const stop = new AbortController();
  const start = performance.now();
  const timer = setTimeout(() => stop.abort(OUT_OF_TIME), deadlineMs);
  const abort = () => stop.abort(caller?.reason);
  if (caller?.aborted) abort();
  else caller?.addEventListener("abort", abort, { once: true });

  let mayBeInLog = false;
  let last: RelayError | undefined;
  // Called where the signal was aborted. `sent`: an attempt was under way, and nobody knows how far it came.
  const ended = (sent: boolean): RelayError => {
    const before = last === undefined ? "" : `; the attempt before: ${last.message}`;
    mayBeInLog ||= sent;
    if (stop.signal.reason !== OUT_OF_TIME) {
      const message = `${url}: aborted by the caller${before}`;
      return new RelayError({ code: "aborted", message, retryable: false, mayBeInLog }, { cause: caller?.reason });
    }
    const message = `${url}: no answer within ${deadlineMs} ms: see that the relay runs and is not overloaded${before}`;
    return new RelayError({ code: "timeout", message, retryable: true, mayBeInLog });
  };

  try {
    if (stop.signal.aborted) throw ended(false);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await attempt(stop.signal);
      } catch (error) {
        if (!(error instanceof RelayError)) throw stop.signal.aborted ? ended(true) : error;
        mayBeInLog ||= error.mayBeInLog;
        // An answer that began and did not end in time is told by its status, unless that says nothing.
        if (stop.signal.aborted && (error.mayBeInLog || !error.retryable)) throw ended(error.mayBeInLog);
        last = changed(error, { mayBeInLog });
      }
      // Between half and all of it, so that many do not come back in step.
      const jittered = pause * (0.5 + Math.random() / 2);
      const wait = Math.max((last.retryAfter ?? 0) * 1000, jittered);
      if (!last.retryable || performance.now() - start + wait >= deadlineMs) throw last;
      await sleep(wait, stop.signal);
      if (stop.signal.aborted) throw ended(false);
    }
  } finally {
    clearTimeout(timer);
    caller?.removeEventListener("abort", abort);
  }
}

const OUT_OF_TIME = Symbol("the deadline");

/** Ends early, without an error, when the signal does. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
