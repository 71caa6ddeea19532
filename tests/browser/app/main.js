// A page that opens the sessions it is told to, and writes down all that they tell.

import { connect, RelayError, runtime, syncState } from "@forge-relay/client";

import { call, reduce } from "./board.js";

document.addEventListener("securitypolicyviolation", (event) => {
  console.log(`violation: ${event.effectiveDirective} ${event.blockedURI}`);
});

const records = new Map();

function open({ name, url, session: sessionId, account = "acct-1", sync = true, placed = true, keep = false, check, ...options }) {
  const record = { told: [], holes: [], views: 0 };
  const session = connect({
    url,
    getToken: ({ signal }) => call("token", { session: sessionId, account }, signal),
    ...options,
  });
  record.session = session;
  session.onStatus(({ error, ...status }) => record.told.push({ ...status, error: error?.message }));
  session.on("*", (event) => {
    record.told.push({ n: event.payload.n });
    if (!keep && session.cursor !== event.cursor) record.holes.push(`cursor ${session.cursor} at ${event.cursor}`);
  });
  session.on("relay:resync", ({ reason }) => record.told.push({ resync: reason }));
  records.set(name, record);
  if (!sync) return;
  record.sync = syncState({
    session,
    snapshot: ({ signal }) => call("board", placed ? { session: sessionId, placed } : { session: sessionId }, signal),
    reduce: (state, event) => reduce(state, event, record.holes),
    checkIdempotence: check,
  });
  record.sync.subscribe(({ state }) => {
    record.views += 1;
    if (state === undefined) return;
    // A state is whole when each cell has the last number that belongs there.
    for (let n = Math.max(state.last - 6, 1); n <= state.last; n += 1) {
      if (state.cells[`c${n % 7}`] !== n) record.holes.push(`${JSON.stringify(state)} lacks ${n}`);
    }
  });
}

function look(name) {
  const { session, sync, told, holes, views } = records.get(name);
  const { error, ...now } = session.statusChange;
  const view = sync === undefined ? undefined : { ...sync.current, error: sync.current.error?.message };
  return { now: { ...now, error: error?.message }, view, told, holes, views, cursor: session.cursor, runtime: session.runtime };
}

globalThis.kit = {
  connect,
  syncState,
  RelayError,
  runtime,
  open,
  look,
  session: (name) => records.get(name).session,
  sync: (name) => records.get(name).sync,
};
