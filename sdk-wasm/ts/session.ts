import { Clock } from "./clock.js";
import type { Envelope, Resync, ResyncReason } from "./contract.js";
import { unwrapped } from "./bridge.js";
import { loadCore, type Core, type CoreSubscription, type Runtime } from "./core.js";
import { invalid, RelayError } from "./errors.js";
import { checkListener, Listeners } from "./listeners.js";
import { checkOptions, type Checked, type ConnectOptions } from "./options.js";
import { openPages } from "./transports/pages.js";
import { openSocket } from "./transports/socket.js";
import { openStream } from "./transports/stream.js";
import { isEnvelope, isObject, type Listener, type Opening, type Transport, type TransportName } from "./transports/transport.js";

/**
 * How a session stands:
 * - `connecting`: on the way to the first connection;
 * - `live`: every event comes as it is published;
 * - `catching-up`: connected, and what was missed is coming in;
 * - `offline`: not connected; it comes back by itself;
 * - `denied`: the relay, or `getToken`, said no for good; `retry()` starts again;
 * - `closed`: by the app.
 */
export type Status = "connecting" | "live" | "catching-up" | "offline" | "denied" | "closed";

/** A status, and what belongs to it. */
export interface StatusChange {
  readonly status: Status;
  /**
   * Why, for `offline` and `denied`: one of the relay's codes, such as `token_expired` or `draining`, or `unreachable`,
   * `connection_lost`, `timed_out`, `silent`, `out_of_order`, `token_failed`, `network`, `runtime_unavailable`,
   * `unknown`.
   */
  readonly reason: string | undefined;
  /** What carries the events now. */
  readonly transport: TransportName | undefined;
  /** When the next attempt begins, as `Date.now()` counts. */
  readonly retryAt: number | undefined;
  /** The error behind `token_failed` and `runtime_unavailable`. */
  readonly error: unknown;
}

/** Hears one name: of `relay:resync` a {@link Resync}, of all others an {@link Envelope}. */
export type Handler<N extends string> = (data: N extends "relay:resync" ? Resync : Envelope) => void;

/** Opens a session. Wrong options throw a {@link RelayError}; whatever happens later is told by the status. */
export function connect(options: ConnectOptions): Session {
  return new Session(checkOptions(options));
}

type Action =
  | { do: "fetchToken"; ticket: number }
  | ({ do: "open"; connection: number; transport: TransportName } & Omit<Opening, "url">)
  | { do: "close"; connection: number }
  | { do: "refresh"; connection: number; token: string }
  | { do: "readPage"; connection: number; cursor?: string }
  | { do: "resync"; reason: ResyncReason; cursor: string }
  | { do: "status"; state: Status; reason?: string; transport?: TransportName; retryAt?: number };

/** The longest time that a browser's timer takes. */
const LONGEST_TIMER = 2 ** 31 - 1;

const OPEN: { [N in TransportName]: (opening: Opening, listener: Listener) => Transport } = {
  websocket: openSocket,
  sse: openStream,
  pages: openPages,
};

/** A session with a relay: its events in order, each once, or a `relay:resync`. Made by {@link connect}. */
export class Session {
  private readonly clock = new Clock();
  private readonly named = new Map<string, Listeners<Envelope>>();
  private readonly every = new Listeners<Envelope>();
  private readonly resyncs = new Listeners<Resync>();
  private readonly statuses = new Listeners<StatusChange>();
  private readonly transports = new Map<number, Transport>();
  private readonly stopWatching: () => void;
  private readonly closing = new AbortController();
  private contract: Core | undefined;
  private core: CoreSubscription | undefined;
  private form: Runtime | undefined;
  private now: StatusChange = { status: "connecting", reason: undefined, transport: undefined, retryAt: undefined, error: undefined };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private acting = false;
  private tokenError: unknown;
  /** The cursor, while there is no core to ask. */
  private place: string | undefined;

  /** @internal */
  constructor(private readonly options: Checked) {
    this.place = options.cursor;
    this.stopWatching = watchBrowser({
      network: (online) => this.tell((core, now) => core.network(now, online)),
      visible: (visible) => this.tell((core, now) => core.visible(now, visible)),
    });
    void this.begin();
  }

  /** How it stands. */
  get status(): Status {
    return this.now.status;
  }

  /** Why, for `offline` and `denied`. See {@link StatusChange.reason}. */
  get reason(): string | undefined {
    return this.now.reason;
  }

  /** What carries the events now; `undefined` while nothing does. */
  get transport(): TransportName | undefined {
    return this.now.transport;
  }

  /** The status with all that belongs to it; the same object until it changes. */
  get statusChange(): StatusChange {
    return this.now;
  }

  /** Up to where every event has been handed out. */
  get cursor(): string | undefined {
    return this.core?.cursor ?? this.place;
  }

  /** Which form of the core runs; `undefined` until it is loaded. */
  get runtime(): Runtime | undefined {
    return this.form;
  }

  /**
   * Hears the events of one name, all events (`"*"`), or `"relay:resync"`. Answers with a function that ends it.
   * A listener that throws disturbs nothing: its error is reported like any uncaught one.
   */
  on<N extends string>(name: N, listener: Handler<N>): () => void {
    if (typeof name !== "string") throw invalid("name", 'pass the name of an event, "*" or "relay:resync"');
    checkListener(listener);
    if (name === "relay:resync") return this.resyncs.add(listener as (data: Resync) => void);
    if (name === "*") return this.every.add(listener as (data: Envelope) => void);
    let listeners = this.named.get(name);
    if (listeners === undefined) this.named.set(name, (listeners = new Listeners()));
    return listeners.add(listener as (data: Envelope) => void);
  }

  /** Hears every change of the status. Answers with a function that ends it. */
  onStatus(listener: (change: StatusChange) => void): () => void {
    checkListener(listener);
    return this.statuses.add(listener);
  }

  /** Begins again after `denied`; otherwise it does nothing. */
  retry(): void {
    if (this.core === undefined) {
      if (this.now.status !== "denied") return;
      this.change({ status: "connecting" });
      void this.begin();
      return;
    }
    this.tell((core, now) => core.start(now));
  }

  /** Ends the session and all that it has open. */
  close(): void {
    if (this.closing.signal.aborted) return;
    this.closing.abort();
    this.stopWatching();
    clearTimeout(this.timer);
    this.place = this.cursor;
    this.core?.free();
    this.core = undefined;
    for (const transport of this.transports.values()) transport.close();
    this.transports.clear();
    this.change({ status: "closed" });
    this.named.clear();
    for (const listeners of [this.every, this.resyncs, this.statuses]) listeners.clear();
  }

  /** @internal Whether who stands at `other` has the event at `cursor`. Of two lives of a log, neither is before the other. */
  isAtOrBefore(cursor: string, other: string): boolean {
    return this.contract?.isAtOrBefore(cursor, other) ?? false;
  }

  private async begin(): Promise<void> {
    let contract: Core;
    try {
      const loaded = await loadCore(this.options.form);
      contract = loaded.core;
      this.form = loaded.runtime;
    } catch (error) {
      if (!this.closing.signal.aborted) this.change({ status: "denied", reason: "runtime_unavailable", error });
      return;
    }
    if (this.closing.signal.aborted) return;
    const { transports, cursor } = this.options;
    const seed = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    this.contract = contract;
    this.core = new contract.Subscription(seed, transports.join(","), cursor);
    this.tell((it, now) => it.start(now));
    const { online, visible } = browserState();
    if (!online) this.tell((it, now) => it.network(now, false));
    if (!visible) this.tell((it, now) => it.visible(now, false));
  }

  /** Tells the state machine what happened, and does what it answers. */
  private tell(input: (core: CoreSubscription, now: number) => void): void {
    if (this.core === undefined) return;
    input(this.core, this.clock.now());
    this.act();
  }

  private act(): void {
    // A listener may call us again: its actions come after those that wait.
    if (this.acting) return;
    this.acting = true;
    try {
      for (let next = this.core?.nextAction(); next !== undefined; next = this.core?.nextAction()) {
        this.perform(JSON.parse(next) as Action);
      }
    } finally {
      this.acting = false;
    }
    this.setTimer();
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    const at = this.core?.wakeAt;
    if (at === undefined) return;
    const wait = Math.min(Math.max(at - this.clock.now(), 0), LONGEST_TIMER);
    this.timer = setTimeout(() => this.tell((core, now) => core.wake(now)), wait);
  }

  private perform(action: Action): void {
    switch (action.do) {
      case "fetchToken":
        return void this.fetchToken(action.ticket);
      case "open":
        return this.open(action.connection, action.transport, action.token, action.cursor);
      case "close": {
        const transport = this.transports.get(action.connection);
        this.transports.delete(action.connection);
        return transport?.close();
      }
      case "refresh":
        return this.transports.get(action.connection)?.refresh?.(action.token);
      case "readPage":
        return this.transports.get(action.connection)?.readPage?.(action.cursor);
      case "resync":
        return this.resyncs.tell({ reason: action.reason, cursor: action.cursor });
      case "status": {
        const { state, reason, transport, retryAt } = action;
        const error = reason === "token_failed" ? this.tokenError : undefined;
        return this.change({
          status: state,
          reason,
          transport,
          retryAt: retryAt === undefined ? undefined : this.clock.toDate(retryAt),
          error,
        });
      }
    }
  }

  private change({ status, reason, transport, retryAt, error }: Partial<StatusChange> & { status: Status }): void {
    this.now = Object.freeze({ status, reason, transport, retryAt, error });
    this.statuses.tell(this.now);
  }

  private open(connection: number, name: TransportName, token: string, cursor: string | undefined): void {
    const listener: Listener = {
      tell: (input) => {
        if (this.transports.has(connection)) this.tell((core, now) => input(core, now, connection));
      },
      event: (envelope) => {
        if (this.transports.has(connection)) this.event(connection, envelope);
      },
    };
    this.transports.set(connection, OPEN[name]({ url: this.options.url, token, cursor }, listener));
  }

  private event(connection: number, envelope: unknown): void {
    if (this.core === undefined) return;
    // What is no event has no place in any log, and so the connection that brought it is not to be trusted.
    const { seq, cursor } = isEnvelope(envelope) ? envelope : { seq: 0, cursor: "" };
    const deliver = this.core.event(this.clock.now(), connection, seq, cursor);
    this.act();
    if (!deliver || this.closing.signal.aborted) return;
    const event = envelope as Envelope;
    this.every.tell(event);
    this.named.get(event.event)?.tell(event);
  }

  private async fetchToken(ticket: number): Promise<void> {
    try {
      const answer = await this.options.getToken({ signal: this.closing.signal });
      const given: unknown = unwrapped(answer);
      const token = isObject(given) ? given["token"] : given;
      if (typeof token !== "string" || token === "") {
        throw new RelayError("getToken: it must answer with the token, or with { token }", { code: "invalid", field: "getToken" });
      }
      this.tokenError = undefined;
      this.tell((core, now) => core.token(now, ticket, token));
    } catch (error) {
      this.tokenError = error;
      const retryable = !(error instanceof Object && "retryable" in error && error.retryable === false);
      this.tell((core, now) => core.tokenFailed(now, ticket, retryable));
    }
  }
}

interface Watcher {
  network(online: boolean): void;
  visible(visible: boolean): void;
}

function browserState(): { online: boolean; visible: boolean } {
  return {
    online: typeof navigator === "undefined" || navigator.onLine !== false,
    visible: typeof document === "undefined" || document.visibilityState !== "hidden",
  };
}

/** The browser's word on networks and eyes, where there is a browser. */
function watchBrowser(watcher: Watcher): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => {};
  const abort = new AbortController();
  const { signal } = abort;
  window.addEventListener("online", () => watcher.network(true), { signal });
  window.addEventListener("offline", () => watcher.network(false), { signal });
  document.addEventListener("visibilitychange", () => watcher.visible(browserState().visible), { signal });
  return () => abort.abort();
}

