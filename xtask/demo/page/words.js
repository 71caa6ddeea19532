// Events of the table, in words.

const SENTENCES = {
  "person.joined": ({ name }) => `${name} sat down`,
  "vote.cast": ({ participantId, round }, nameOf) => `${nameOf(participantId)} voted in round ${round}`,
  "votes.revealed": ({ table }) => `The cards are open: ${Object.values(table.votes).join(" · ") || "none"}`,
  "round.started": ({ table }) => `Round ${table.round} began`,
  "estimate.applied": ({ table }) => `The issue’s estimate is ${table.estimate}`,
  "host.changed": ({ table }, nameOf) => `${nameOf(table.host)} is the host now`,
};

export function sentence({ event, payload }, nameOf) {
  return SENTENCES[event]?.(payload, nameOf) ?? event;
}

/** Milliseconds, as people say them. */
export const duration = (ms) => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);

export const TRANSPORTS = { websocket: "WebSocket", sse: "SSE", pages: "Pages" };

const WAYS = { websocket: "a WebSocket", sse: "server-sent events, a plain HTTP request", pages: "pages of the log" };

/** How it is with a person's page, and why nothing is lost. */
export function standing({ name, sky, place, transport, tokenEndsAt }, { relay, head }) {
  const isOfThisLog = place?.epoch === head?.epoch;
  const waiting = isOfThisLog && place !== undefined ? head.seq - place.seq : 0;
  if (sky.network === "cut") {
    if (!isOfThisLog) return "Cut off, at a place in the old log. When it is back, it is told to resync.";
    return waiting === 0 ? "Cut off. Whatever happens now waits in the relay’s log." : `Cut off. ${waiting === 1 ? "1 event waits" : `${waiting} events wait`} in the relay’s log, in order.`;
  }
  if (relay.state !== "running") return "No relay. Votes are stored all the same; the page asks for the table now and then.";
  if (sky.tokens === "held") {
    const left = tokenEndsAt === undefined ? 0 : Math.ceil((tokenEndsAt - Date.now()) / 1_000);
    return left > 0 ? `No new token. The one in hand ends in ${left} s.` : "The token has ended. With the next one the page goes on from its cursor.";
  }
  if (transport === null) return place === undefined ? "The page is on its way to the relay." : "On its way back, at a moment of its own, so that not all come at once.";
  if (sky.websockets === "blocked") return `WebSockets are blocked. It listens over ${WAYS[transport]}.`;
  if (waiting > 0) return `${name} is catching up.`;
  return `Listens over ${WAYS[transport]}, and has everything.`;
}
