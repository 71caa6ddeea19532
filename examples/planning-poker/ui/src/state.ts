import { useCallback, useEffect, useRef, useState } from "react";
import { useRelaySession, useSyncedState, type RelaySession } from "@forge-relay/client/react";
import { reduce, type Board, type Table } from "../../shared/table";
import { call } from "./functions";
import type { Seat } from "./seat";

/** So long may the relay be away before the page asks for the table itself. */
const PATIENCE_MS = 3_000;
const POLL_EVERY_MS = 5_000;

export interface TableState {
  /** `undefined` until it is loaded. */
  board: Board | undefined;
  connection: RelaySession;
  /** Whether the functions answered when the table was last asked for. */
  reached: boolean;
  /** Asks for the table again, for changes that no event tells of. */
  reload: () => void;
  /** Takes a table that a function answered with, ahead of the event with the same. */
  accept: (table: Table) => void;
}

/** The table: loaded from the app, kept up to date by the relay's events, and asked for again and again without a relay. */
export function useTable(seat: Seat | undefined): TableState {
  const connection = useRelaySession(
    seat === undefined ? null : { id: seat.sessionId, url: seat.relayUrl, getToken: () => call("getToken") },
  );
  const [answered, accept] = useState<Table>();
  const loading = useRef(0);
  const { state, error, reload } = useSyncedState<Board>({
    session: connection.session,
    snapshot: async () => {
      loading.current += 1;
      try {
        const board = await call("loadBoard");
        // It has all that was answered before it was asked for.
        accept((now) => (now === answered ? undefined : now));
        return board;
      } finally {
        loading.current -= 1;
      }
    },
    reduce,
  });
  const isLive = connection.status === "live";
  usePolling(seat !== undefined && !isLive, useCallback(() => loading.current === 0 && reload(), [reload]));
  const isNewer = state !== undefined && answered !== undefined && answered.version > state.table.version;
  return { board: isNewer ? { ...state, table: answered } : state, connection, reached: error === undefined, reload, accept };
}

function usePolling(isOn: boolean, load: () => void) {
  useEffect(() => {
    if (!isOn) return undefined;
    const loadIfSeen = () => document.visibilityState === "visible" && load();
    let timer = setTimeout(() => {
      loadIfSeen();
      timer = setInterval(loadIfSeen, POLL_EVERY_MS);
    }, PATIENCE_MS);
    return () => clearInterval(timer); // ends timeouts, too
  }, [isOn, load]);
}
