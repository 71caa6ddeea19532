import { attempt, type Fetch } from "./attempt.js";
import type { Claims, Event, Minted, Receipt } from "./contract.js";
import { json, publisher, randomUuid, say, type Publisher } from "./core.js";
import { changed, RelayError, wrong } from "./error.js";
import { enqueue, type OutboxQueue } from "./outbox.js";
import { until } from "./retry.js";

/** An event to publish. Its nonce (a UUID) and its time are filled in where it has none. */
export type EventInput = Pick<Event, "sessionId" | "event"> &
  Partial<Pick<Event, "nonce" | "timestamp">> & {
    /** Anything that JSON holds, `null` too: at most 64 KiB, nested at most 64 deep. */
    payload: unknown;
  };

/** Who gets a token, and for which session. */
export interface TokenInput {
  /** Whose it is: in a resolver, `context.accountId`. 1 to 256 characters. */
  accountId: string;
  /** The session that it opens. */
  sessionId: string;
  /** Its life in seconds, at most 300, which is also the default. */
  expiresIn?: number;
}

/** How to reach a relay. */
export interface RelayOptions {
  /** Its address, such as `https://relay.example.com`. */
  url: string;
  /** The app's secret: the same as the relay's. Several may be given, separated by commas or white space: the first signs. */
  secret: string;
  /** The secret that signs tokens, where the app has another for them. */
  tokenSecret?: string;
  /** The app's id, where the relay serves several. */
  app?: string;
  /** Sends the requests instead of the global `fetch`: `@forge/api`'s, for one. */
  fetch?: Fetch;
  /** How long a publish may take, retries included: 10,000 unless told otherwise, so that it fits a function's 25 s. */
  deadlineMs?: number;
  /** The largest payload, where the relay takes other than 64 KiB. */
  payloadBytes?: number;
}

/** What stands in no variable. */
type EnvironmentOptions = Pick<RelayOptions, "fetch" | "deadlineMs" | "payloadBytes">;

/** What a single call may have of its own. */
export interface CallOptions {
  /** Ends the call early. */
  signal?: AbortSignal;
  /** Instead of the relay's. */
  deadlineMs?: number;
}

/** How {@link Relay.publishOrQueue} ended. */
export type PublishedOrQueued =
  | { published: true; receipt: Receipt }
  /** The event waits in the queue, because of `reason`. */
  | { published: false; nonce: string; reason: RelayError };

const DEADLINE_MS = 10_000;
/** The longest that a timer can wait. */
const LONGEST_DEADLINE_MS = 2 ** 31 - 1;

/**
 * A relay, and an app's right to publish through it. It keeps no connection, no timer and nothing of a tenant, so one can
 * be made when the function's module loads.
 *
 * ```ts
 * const relay = Relay.fromEnv();
 * const receipt = await relay.publish({ sessionId, event: "vote.cast", payload: { value: "5" } });
 * ```
 */
export class Relay {
  readonly #publisher: Publisher;
  readonly #url: string;
  readonly #fetch: Fetch | undefined;
  readonly #deadlineMs: number;

  /** @throws {RelayError} `invalid`, naming the field. */
  constructor(options: RelayOptions) {
    if (options === null || typeof options !== "object") {
      throw wrong("", "wrong_type", "the options must be an object: { url, secret }");
    }
    const { url, fetch, deadlineMs, ...settings } = options;
    this.#url = address(url);
    if (fetch !== undefined && typeof fetch !== "function") {
      throw wrong("/fetch", "wrong_type", "fetch must be a function");
    }
    this.#fetch = fetch;
    this.#deadlineMs = deadline(deadlineMs) ?? DEADLINE_MS;
    this.#publisher = publisher(settings);
  }

  /**
   * From `RELAY_URL`, `RELAY_SECRET`, and where they are set `RELAY_TOKEN_SECRET` and `RELAY_APP`: as Forge hands out
   * what `forge variables set` was given.
   *
   * @throws {RelayError} `invalid`, naming the variable.
   */
  static fromEnv(options: EnvironmentOptions = {}): Relay {
    return fromEnv(options);
  }

  /**
   * Publishes an event. When this returns, it is in the session's log, and everybody in the session will have it.
   *
   * It is sent again, with the same nonce, after network errors, 429 and 5xx, until the deadline; the relay delivers it
   * once, however often it arrives.
   *
   * @throws {RelayError}
   */
  async publish(event: EventInput, options?: CallOptions): Promise<Receipt> {
    return this.#publish(this.#complete(event), options);
  }

  /**
   * Publishes 1 to 100 events: all of them, or none. The receipts are in the same order.
   *
   * @throws {RelayError} Its `errors` say which event, by `index`.
   */
  async publishBatch(events: readonly EventInput[], options?: CallOptions): Promise<Receipt[]> {
    const text = json(events, "the events");
    const body = say(() => this.#publisher.completeBatch(text, randomUuid(), Date.now()));
    return this.#send("/events/batch", body, events.length, options);
  }

  /**
   * Publishes an event, or puts it into the queue where that fails and may succeed later. {@link outboxConsumer} takes it
   * from there.
   *
   * @param options.queue A `Queue` of `@forge/events`.
   * @throws {RelayError} Where the event is refused for good, the call is aborted, or the queue does not take it either.
   */
  async publishOrQueue(event: EventInput, options: CallOptions & { queue: OutboxQueue }): Promise<PublishedOrQueued> {
    const queue = options?.queue;
    if (typeof queue?.push !== "function") {
      throw wrong("/queue", "wrong_type", "queue must be a Queue of @forge/events: new Queue({ key })");
    }
    const { queue: _, ...call } = options;
    const body = this.#complete(event);
    const firstAttemptAt = Date.now();
    try {
      return { published: true, receipt: await this.#publish(body, call) };
    } catch (error) {
      if (!(error instanceof RelayError) || !error.retryable) throw error;
      await enqueue(queue, body, firstAttemptAt, error);
      return { published: false, nonce: (JSON.parse(body) as Event).nonce, reason: error };
    }
  }

  /**
   * Mints a token, which opens a session's events to an account for at most 300 s. Nothing is sent.
   *
   * @throws {RelayError} `invalid`, naming the field.
   */
  mintToken(token: TokenInput): Minted {
    const text = json(token, "the token's account and session");
    return JSON.parse(say(() => this.#publisher.mint(text, randomUuid(), Date.now()))) as Minted;
  }

  /**
   * Checks a token as the relay would, and says what it claims.
   *
   * @throws {RelayError} `token_expired`, `token_invalid`, `scope_missing`, …
   */
  verifyToken(token: string): Claims {
    if (typeof token !== "string") throw wrong("/token", "wrong_type", "token must be a string");
    return JSON.parse(say(() => this.#publisher.verify(token, Date.now()))) as Claims;
  }

  /**
   * The header fields of a signed request with this body, for requests that this class has no word for. They are good for
   * 5 minutes.
   *
   * @throws {RelayError} `invalid` where the body is neither text nor bytes.
   */
  signRequest(body: string | Uint8Array): Record<string, string> {
    const isBytes = body instanceof Uint8Array;
    if (!isBytes && typeof body !== "string") {
      throw wrong("/body", "wrong_type", "body must be a string or a Uint8Array: the exact body that is sent");
    }
    const bytes = isBytes ? body : Buffer.from(body, "utf8");
    return JSON.parse(this.#publisher.headers(bytes, requestId(), Date.now())) as Record<string, string>;
  }

  /**
   * Sends an event of the queue again, stamped anew.
   *
   * @internal
   */
  async republish(body: string, options?: CallOptions): Promise<Receipt> {
    return this.#publish(
      say(() => this.#publisher.restamp(body, Date.now())),
      options,
    );
  }

  #complete(event: EventInput): string {
    const text = json(event, "the event");
    return say(() => this.#publisher.complete(text, randomUuid(), Date.now()));
  }

  async #publish(body: string, options: CallOptions | undefined): Promise<Receipt> {
    const [receipt] = await this.#send("/events", body, undefined, options);
    return receipt as Receipt;
  }

  async #send(path: string, body: string, batch: number | undefined, options: CallOptions = {}): Promise<Receipt[]> {
    if (options === null || typeof options !== "object") throw wrong("", "wrong_type", "the options must be an object");
    const { signal } = options;
    if (signal !== undefined && typeof signal?.addEventListener !== "function") {
      throw wrong("/signal", "wrong_type", "signal must be an AbortSignal");
    }
    const url = this.#url + path;
    const fetch = this.#fetch ?? (globalThis.fetch as unknown as Fetch);
    const bytes = Buffer.from(body, "utf8");
    // The same in every attempt: it is the same request.
    const id = requestId();
    return until({ url, deadlineMs: deadline(options.deadlineMs) ?? this.#deadlineMs, signal }, (ending) => {
      // Signed anew each time: a signature is only good for minutes.
      const headers = JSON.parse(this.#publisher.headers(bytes, id, Date.now())) as Record<string, string>;
      return attempt<Receipt>({ fetch, url, headers, body, batch }, ending);
    });
  }
}

/** Outside of the class: a class that names itself has another name once it is bundled. */
function fromEnv(options: EnvironmentOptions): Relay {
  const variables = { url: "RELAY_URL", secret: "RELAY_SECRET", tokenSecret: "RELAY_TOKEN_SECRET", app: "RELAY_APP" };
  const found: Record<string, string> = {};
  for (const [field, variable] of Object.entries(variables)) {
    const value = process.env[variable]?.trim();
    if (value) found[field] = value;
    else if (field === "url" || field === "secret") {
      const encrypted = field === "secret" ? " --encrypt" : "";
      const message = `${variable} is not set: set it in the environment; in Forge, with \`forge variables set${encrypted} ${variable}\``;
      throw wrong(`/${variable}`, "missing", message);
    }
  }
  try {
    return new Relay({ ...options, ...(found as { url: string; secret: string }) });
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    // By the names that whoever reads it knows.
    const errors = error.errors?.map((each) => {
      const variable = variables[each.field.slice(1) as keyof typeof variables];
      return variable === undefined ? each : { ...each, field: `/${variable}`, message: `${variable}: ${each.message}` };
    });
    throw changed(error, { message: errors?.[0]?.message ?? error.message, errors });
  }
}

function requestId(): string {
  return `msg_${randomUuid().replaceAll("-", "")}`;
}

/** Without a slash at the end. */
function address(url: unknown): string {
  const cure = "write the relay's address, such as https://relay.example.com";
  if (typeof url !== "string") throw wrong("/url", url === undefined ? "missing" : "wrong_type", `url must be a string: ${cure}`);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw wrong("/url", "format", `${JSON.stringify(url)} is no address: ${cure}`);
  }
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") {
    throw wrong("/url", "format", `${JSON.stringify(url)} is no http or https address: ${cure}`);
  }
  // Not repeated: a password may stand in it.
  if (parsed.username || parsed.password) throw wrong("/url", "format", `url must not hold a user or password: ${cure}`);
  if (parsed.search || parsed.hash) throw wrong("/url", "format", `url must not hold a query or fragment: ${cure}`);
  return parsed.href.replace(/\/+$/, "");
}

function deadline(ms: unknown): number | undefined {
  if (ms === undefined) return undefined;
  if (typeof ms === "number" && ms >= 1 && ms <= LONGEST_DEADLINE_MS) return Math.ceil(ms);
  throw wrong("/deadlineMs", typeof ms === "number" ? "range" : "wrong_type", "deadlineMs must be a number of milliseconds, 1 or more");
}
