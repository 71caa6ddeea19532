import { unwrapped, type Answered } from "./bridge.js";
import type { Envelope } from "./contract.js";
import { invalid } from "./errors.js";
import { checkListener, Listeners, report } from "./listeners.js";
import type { Session, Status } from "./session.js";

/**
 * What {@link SyncOptions.snapshot} answers with: the state, or the state with the cursor up to which it has every
 * event. An object with exactly the keys `state` and `cursor` is taken for the latter.
 */
export type Snapshot<S> = S | { state: S; cursor: string | null | undefined };

/** How to keep a state. */
export interface SyncOptions<S> {
  session: Session;
  /** Loads the state from the app, such as `() => invoke("loadBoard")`. Where it throws, it is called again, later. */
  snapshot: (call: { signal: AbortSignal }) => Answered<Snapshot<S>> | Promise<Answered<Snapshot<S>>>;
  /**
   * The state after an event. It must be a pure function and **idempotent**: an app writes its storage before it
   * publishes, so an event may be in the snapshot already. Set values (`votes[who] = value`); do not count up.
   */
  reduce: (state: S, event: Envelope) => S;
  /**
   * Applies each event twice and complains on the console if that makes a difference. Default: on, unless
   * `process.env.NODE_ENV` is `production`.
   */
  checkIdempotence?: boolean | undefined;
}

/** A state, and how it stands; the same object until something changes. */
export interface SyncedView<S> {
  /** `undefined` until the first snapshot is there. */
  readonly state: S | undefined;
  /** Whether it is up to date: snapshot and events are whole, and the session is live. */
  readonly fresh: boolean;
  /** Why the latest attempt to load the snapshot failed; `undefined` once one succeeds. */
  readonly error: unknown;
}

/** A state that is never stale without saying so. Made by {@link syncState}. */
export interface SyncedState<S> {
  /** How it stands. */
  readonly current: SyncedView<S>;
  /** Hears every change of {@link current}. Answers with a function that ends it. */
  subscribe(listener: (view: SyncedView<S>) => void): () => void;
  /** Loads the snapshot again, for changes that no event tells of. */
  reload(): void;
  /** Ends it; the session lives on. */
  close(): void;
}

/** How long to wait for the session before a first snapshot is shown without it. */
const PATIENCE = 1_500;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** So long may one snapshot take: Forge ends a function after 25 seconds. */
const DEADLINE = 30_000;
/** The most events that wait for a snapshot; beyond, the snapshot is loaded again, for it is newer than all of them. */
const MOST_WAITING = 10_000;

/**
 * Keeps a state: loads a snapshot, applies what comes after it, and loads it again when the relay says that something
 * was missed. What it shows is always a snapshot with all the events that followed it, in order.
 */
export function syncState<S>(options: SyncOptions<S>): SyncedState<S> {
  if (typeof options !== "object" || options === null) throw invalid("options", "pass { session, snapshot, reduce }");
  if (typeof options.session?.onStatus !== "function") throw invalid("session", "pass what connect() answered with");
  if (typeof options.snapshot !== "function") throw invalid("snapshot", "pass a function that loads the state");
  if (typeof options.reduce !== "function") throw invalid("reduce", "pass a function (state, event) => state");
  return new Sync(options);
}

class Sync<S> implements SyncedState<S> {
  private readonly listeners = new Listeners<SyncedView<S>>();
  private readonly stops: (() => void)[];
  private readonly checks: boolean;
  private readonly complained = new Set<string>();
  private view: SyncedView<S> = Object.freeze({ state: undefined, fresh: false, error: undefined });
  /** The state with every event applied; none while it is not whole. */
  private whole: { state: S } | undefined;
  private known: { state: S } | undefined;
  /** Up to here the snapshot has everything. */
  private upTo: string | undefined;
  private waiting: Envelope[] = [];
  private loading: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private error: unknown;
  private connected = false;
  private closed = false;

  constructor(private readonly options: SyncOptions<S>) {
    const { session } = options;
    this.checks = options.checkIdempotence ?? isDevelopment();
    this.stops = [
      session.on("*", (event) => this.take(event)),
      session.on("relay:resync", () => this.reload()),
      session.onStatus(({ status }) => this.hear(status)),
    ];
    this.timer = setTimeout(() => this.load(), PATIENCE);
    this.hear(session.status);
  }

  get current(): SyncedView<S> {
    return this.view;
  }

  subscribe(listener: (view: SyncedView<S>) => void): () => void {
    checkListener(listener);
    return this.listeners.add(listener);
  }

  reload(): void {
    this.whole = undefined;
    this.failures = 0;
    this.load();
  }

  close(): void {
    this.closed = true;
    this.loading?.abort();
    clearTimeout(this.timer);
    for (const stop of this.stops) stop();
    this.listeners.clear();
    this.waiting = [];
  }

  private hear(status: Status): void {
    const isConnected = status === "live" || status === "catching-up";
    // Only what is loaded after this can be whole: before it, an event may have been published unheard.
    if (isConnected && !this.connected) {
      this.connected = true;
      this.reload();
    }
    this.show();
  }

  private take(event: Envelope): void {
    if (this.loading !== undefined || this.whole === undefined) {
      if (this.waiting.push(event) > MOST_WAITING) this.load();
      return;
    }
    this.whole = { state: this.apply(this.whole.state, event) };
    this.show();
  }

  private load(): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    this.waiting = [];
    const deadline = setTimeout(() => {
      loading.abort();
      this.failed(loading, new Error(`snapshot: no answer within ${DEADLINE / 1_000} seconds`));
    }, DEADLINE);
    Promise.resolve()
      .then(() => this.options.snapshot({ signal: loading.signal }))
      .then(
        (answer) => this.loaded(loading, unwrapped<Snapshot<S>>(answer)),
        (error: unknown) => this.failed(loading, error),
      )
      .finally(() => clearTimeout(deadline));
    this.show();
  }

  private loaded(loading: AbortController, snapshot: Snapshot<S>): void {
    if (this.loading !== loading || this.closed) return;
    this.loading = undefined;
    this.failures = 0;
    this.error = undefined;
    const { state, cursor } = isPlaced(snapshot) ? snapshot : { state: snapshot, cursor: undefined };
    this.upTo = cursor ?? undefined;
    const waiting = this.waiting;
    this.waiting = [];
    this.known = { state: waiting.reduce((before, event) => this.apply(before, event), state) };
    if (this.connected) this.whole = this.known;
    this.show();
  }

  private failed(loading: AbortController, error: unknown): void {
    if (this.loading !== loading || this.closed) return;
    this.loading = undefined;
    this.error = error ?? new Error("snapshot failed");
    const bound = Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE);
    this.failures += 1;
    this.timer = setTimeout(() => this.load(), bound / 2 + (Math.random() * bound) / 2);
    this.show();
  }

  private apply(state: S, event: Envelope): S {
    if (this.upTo !== undefined && this.options.session.isAtOrBefore(event.cursor, this.upTo)) return state;
    try {
      const next = this.options.reduce(state, event);
      if (this.checks) this.check(next, event);
      return next;
    } catch (error) {
      // One event that the app cannot take must not end the others.
      report(error);
      return state;
    }
  }

  private check(next: S, event: Envelope): void {
    if (this.complained.has(event.event)) return;
    const before = JSON.stringify(next);
    if (JSON.stringify(this.options.reduce(next, event)) === before && JSON.stringify(next) === before) return;
    this.complained.add(event.event);
    console.error(
      `@forge-relay/client: reduce is not idempotent for "${event.event}": applied twice, it gives another state than once. ` +
        "An event may be in the snapshot already: set values instead of counting, and leave the old state as it is.",
    );
  }

  private show(): void {
    if (this.closed) return;
    if (this.whole !== undefined) this.known = this.whole;
    const state = this.known?.state;
    const fresh = this.whole !== undefined && this.loading === undefined && this.options.session.status === "live";
    const { view, error } = this;
    if (view.state === state && view.fresh === fresh && view.error === error) return;
    this.view = Object.freeze({ state, fresh, error });
    this.listeners.tell(this.view);
  }
}

function isPlaced<S>(snapshot: Snapshot<S>): snapshot is { state: S; cursor: string | null | undefined } {
  if (typeof snapshot !== "object" || snapshot === null) return false;
  const keys = Object.keys(snapshot);
  return keys.length === 2 && keys.includes("state") && keys.includes("cursor");
}

function isDevelopment(): boolean {
  try {
    // A bundler puts a text in the place of exactly this; no browser has a `process` to ask for first.
    return process.env.NODE_ENV !== "production";
  } catch {
    return false;
  }
}

declare const process: { env: { NODE_ENV?: string } };
