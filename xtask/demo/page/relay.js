// The relay: how it is with it, and what can be done to it.

import { post } from "./api.js";
import { byId, element, setAttribute, setText } from "./dom.js";

const PHRASES = {
  running: "A process of its own, with its log in memory.",
  starting: "Its log is new: pages that come back are told to resync.",
  stopping: "It says goodbye to every page, and ends.",
  stopped: "Play on. Events wait in the outbox, and come when the relay is back.",
  failed: "It has ended by itself.",
};
const BUTTONS = { "restart-relay": ["restart", ["running"]], "stop-relay": ["stop", ["running"]], "start-relay": ["start", ["stopped", "failed"]] };

export function startRelayControls() {
  for (const [id, [action]] of Object.entries(BUTTONS)) {
    byId(id).addEventListener("click", () => void post("relay", { action }).catch(() => {})); // the state says how it is
  }
}

export function showRelay({ relay, head, outbox, issue }) {
  setText(byId("relay-state"), relay.state);
  setAttribute(byId("relay-state"), "data-state", relay.state);
  setText(byId("relay-what"), relay.why ? `${PHRASES[relay.state]} ${relay.why}` : PHRASES[relay.state]);
  const isDown = ["stopped", "failed"].includes(relay.state);
  byId("stop-relay").hidden = isDown;
  byId("start-relay").hidden = !isDown;
  for (const [id, [, states]] of Object.entries(BUTTONS)) byId(id).disabled = !states.includes(relay.state);
  setText(byId("head"), head === undefined ? "–" : String(head.seq));
  setText(byId("outbox"), outbox === 0 ? "empty" : outbox === 1 ? "1 event" : `${outbox} events`);
  setAttribute(byId("outbox"), "data-waits", outbox > 0);
  setText(byId("issue-key"), `${issue.key}’s estimate`);
  setText(byId("estimate"), issue.estimate === null ? "none" : String(issue.estimate));
}

const legend = byId("legend");

export function showLegend({ people }) {
  people.slice(legend.children.length).forEach(({ name }) => {
    legend.append(element("li", { "data-who": legend.children.length }, element("i", { "data-has": "event" }), name));
  });
}
