// A component as an app has it, with both hooks.

import { useRelaySession, useSyncedState } from "@forge-relay/client/react";
import { createElement, useLayoutEffect } from "react";

import { call, reduce } from "./board.js";

const useCommit = typeof document === "undefined" ? () => {} : useLayoutEffect;

/** `watch` hears of everything that is put before a reader's eyes. */
export function Board({ url, id, watch = () => {} }) {
  const { session, status, transport } = useRelaySession({
    url,
    id,
    getToken: ({ signal }) => call("token", { session: id, account: "acct-1" }, signal),
  });
  const { state, fresh } = useSyncedState({
    session,
    snapshot: ({ signal }) => call("board", { session: id, placed: true }, signal).then(({ state, cursor }) => ({ state: { ...state, of: id }, cursor })),
    reduce: (before, event) => {
      const after = reduce(before, event, []);
      return after === before ? before : { ...after, of: before.of };
    },
  });
  // Runs with each commit, before anybody can see it.
  useCommit(() => {
    watch({ id, status, transport, state, fresh });
  });
  return createElement("output", null, `${id} ${status} ${state?.last ?? "-"}`);
}
