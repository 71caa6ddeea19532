import { receipts } from "./core.js";
import { changed, RelayError } from "./error.js";

/** What of an answer is read; that of `fetch` and of `@forge/api`'s fits. */
export interface FetchAnswer {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** A `fetch`: the global one, `@forge/api`'s, or another. */
export type Fetch = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body: string;
    redirect: "manual";
    signal: AbortSignal;
  },
) => Promise<FetchAnswer>;

/** What is sent. */
export interface Request {
  fetch: Fetch;
  url: string;
  headers: Record<string, string>;
  body: string;
  /** How many receipts are due; `undefined` for the one of a single event. */
  batch: number | undefined;
}

/** A longer answer is no relay's: a batch of 100 has some 20 kB. */
const LARGEST_ANSWER = 1024 * 1024;

/** Sends once. Answers the receipts, or throws a {@link RelayError}; the signal ends it at any point. */
export async function attempt<Receipt>(request: Request, signal: AbortSignal): Promise<Receipt[]> {
  // A `fetch` of the caller's may not care for the signal; this does.
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  aborted.catch(() => {});
  const inTime = <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => {});
    return Promise.race([work, aborted]);
  };
  try {
    const { fetch, url, headers, body } = request;
    let answer: FetchAnswer;
    try {
      answer = await inTime(fetch(url, { method: "POST", headers, body, redirect: "manual", signal }));
    } catch (error) {
      throw signal.aborted ? error : unanswered(url, error);
    }
    const header = (name: string) => answer.headers.get(name) ?? undefined;
    const head = {
      status: answer.status,
      retryAfter: header("retry-after"),
      location: header("location"),
      forgeProxyError: header("forge-proxy-error"),
    };
    let text: Uint8Array;
    try {
      text = await read(answer, inTime);
    } catch {
      // Cut off, endless, or out of time: what the status alone says still holds.
      text = new Uint8Array();
    }
    try {
      return receipts<Receipt>(head, text, request.batch);
    } catch (error) {
      throw error instanceof RelayError ? changed(error, { message: `${url}: ${error.message}` }) : error;
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The answer's body, up to {@link LARGEST_ANSWER}. */
async function read(answer: FetchAnswer, inTime: <T>(work: Promise<T>) => Promise<T>): Promise<Uint8Array> {
  const { body } = answer as { body?: ReadableStream<Uint8Array> | null };
  // @forge/api promises `text` only.
  if (typeof body?.getReader !== "function") {
    const text = Buffer.from(await inTime(answer.text()));
    return text.byteLength <= LARGEST_ANSWER ? text : new Uint8Array();
  }
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let whole = false;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read());
      if (done) break;
      length += value.byteLength;
      if (length > LARGEST_ANSWER) return new Uint8Array();
      chunks.push(value);
    }
    whole = true;
  } finally {
    if (!whole) reader.cancel().catch(() => {});
  }
  return Buffer.concat(chunks);
}

/** No answer came. Where the connection never stood, nothing can have arrived either. */
function unanswered(url: string, error: unknown): RelayError {
  const causes = leaves(error);
  const mayBeInLog = !causes.every(neverConnected);
  const why = [...new Set(causes.map((cause) => cause.message || cause.code || String(cause)))].join("; ");
  const cure = mayBeInLog
    ? "the connection broke: publish again with the same nonce"
    : "see that the relay runs, that its address is right, and that it can be reached from here";
  return new RelayError(
    { code: "no_connection", message: `${url}: ${why}: ${cure}`, retryable: true, mayBeInLog },
    { cause: error },
  );
}

interface SystemError {
  message?: string;
  code?: string;
  syscall?: string;
}

/** `fetch failed` and several addresses tried are wrapped around what happened. */
function leaves(error: unknown, depth = 0): SystemError[] {
  if (error === null || typeof error !== "object") return [{ message: String(error) }];
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  if (depth < 8 && Array.isArray(errors) && errors.length > 0) return errors.flatMap((inner) => leaves(inner, depth + 1));
  if (depth < 8 && cause !== undefined && cause !== null) return leaves(cause, depth + 1);
  return [error as SystemError];
}

const CERTIFICATE = /^(CERT_|ERR_TLS_CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/;

function neverConnected({ code, syscall }: SystemError): boolean {
  if (syscall === "connect" || syscall === "getaddrinfo") return true;
  return code === "UND_ERR_CONNECT_TIMEOUT" || (code !== undefined && CERTIFICATE.test(code));
}
