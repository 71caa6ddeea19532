import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";

import type { Answered } from "./bridge.js";
import type { Envelope } from "./contract.js";
import { connect, type Session, type StatusChange } from "./session.js";
import type { ConnectOptions } from "./options.js";
import { syncState, type Snapshot, type SyncedState, type SyncedView } from "./sync.js";

/** How to connect, from a component. */
export interface UseRelaySessionOptions extends ConnectOptions {
  /** Another value opens another session: what `getToken` depends on, such as the id of the shared session. */
  id?: string | number | undefined;
}

/** A session, as a component sees it. */
export interface RelaySession extends StatusChange {
  /** `undefined` before the first effect, and without options. */
  readonly session: Session | undefined;
}

const CONNECTING: StatusChange = Object.freeze({
  status: "connecting",
  reason: undefined,
  transport: undefined,
  retryAt: undefined,
  error: undefined,
});
const nothing = () => {};

/**
 * Opens a session while the component is mounted, and shows how it stands. It is opened anew when `url`, `id`, `form`
 * or the transports change; of `getToken` the latest is called. Pass `null` for no session yet.
 */
export function useRelaySession(options: UseRelaySessionOptions | null): RelaySession {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const [opened, setOpened] = useState<{ key: string; session: Session }>();
  const key = options === null ? null : JSON.stringify([options.url, options.id, options.form, options.transports]);
  useEffect(() => {
    const now = latest.current;
    if (key === null || now === null) return undefined;
    const session = connect({ ...now, getToken: (call) => (latest.current ?? now).getToken(call) });
    setOpened({ key, session });
    return () => {
      session.close();
      setOpened(undefined);
    };
  }, [key]);
  // Effects run after the render that another key came with: the session of the old one is not to be seen under it.
  const session = opened?.key === key ? opened?.session : undefined;
  const change = useSyncExternalStore(
    useCallback((listener: () => void) => session?.onStatus(listener) ?? nothing, [session]),
    () => session?.statusChange ?? CONNECTING,
    () => CONNECTING,
  );
  return { session, ...change };
}

/** How to keep a state, from a component. */
export interface UseSyncedStateOptions<S> {
  /** From {@link useRelaySession}; without one, nothing is loaded yet. */
  session: Session | undefined;
  snapshot: (call: { signal: AbortSignal }) => Answered<Snapshot<S>> | Promise<Answered<Snapshot<S>>>;
  reduce: (state: S, event: Envelope) => S;
  checkIdempotence?: boolean | undefined;
}

/** A state, and how it stands. */
export interface UseSyncedState<S> extends SyncedView<S> {
  /** Loads the snapshot again. */
  reload(): void;
}

const EMPTY: SyncedView<never> = Object.freeze({ state: undefined, fresh: false, error: undefined });

/** Keeps a state while the component is mounted. Of `snapshot` and `reduce` the latest is called. */
export function useSyncedState<S>(options: UseSyncedStateOptions<S>): UseSyncedState<S> {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const [made, setMade] = useState<{ session: Session; synced: SyncedState<S> }>();
  const { session, checkIdempotence } = options;
  useEffect(() => {
    if (session === undefined) return undefined;
    const synced = syncState<S>({
      session,
      snapshot: (call) => latest.current.snapshot(call),
      reduce: (state, event) => latest.current.reduce(state, event),
      checkIdempotence,
    });
    setMade({ session, synced });
    return () => {
      synced.close();
      setMade(undefined);
    };
  }, [session, checkIdempotence]);
  // As above: the state of another session is not this one's.
  const synced = made?.session === session ? made?.synced : undefined;
  const view = useSyncExternalStore<SyncedView<S>>(
    useCallback((listener: () => void) => synced?.subscribe(listener) ?? nothing, [synced]),
    () => synced?.current ?? EMPTY,
    () => EMPTY,
  );
  const reload = useCallback(() => synced?.reload(), [synced]);
  return { ...view, reload };
}
