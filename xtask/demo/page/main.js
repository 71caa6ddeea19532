// The demo's page: everybody's panes, and beside them what the relay does.

import { post, watchState } from "./api.js";
import { startBridge } from "./bridge.js";
import { showCalls } from "./calls.js";
import { byId } from "./dom.js";
import { Pane } from "./pane.js";
import { showLegend, showRelay, startRelayControls } from "./relay.js";
import { startTheme } from "./theme.js";
import { showTimeline } from "./timeline.js";

const MORE_NAMES = ["Dave", "Erin"];
const SECOND = 1_000;

/** By person: their tabs. */
const panes = new Map();
let state;

startTheme();
startBridge();
startRelayControls();
byId("add-person").addEventListener("click", () => {
  const name = MORE_NAMES.find((each) => !panes.has(each.toLowerCase()));
  if (name !== undefined) void post("people", { name }).catch(() => {});
});
byId("calls-card").addEventListener("toggle", () => state && showCalls(state));
watchState((now) => {
  byId("gone").hidden = now !== undefined;
  if (now === undefined) return;
  state = now;
  show();
});
setInterval(() => state && eachPane((pane) => pane.tick(state)), SECOND);

function show() {
  state.people.forEach((person, number) => {
    if (!panes.has(person.id)) panes.set(person.id, [open(person, number, 1)]);
    for (const pane of panes.get(person.id)) pane.show(person, state);
  });
  byId("add-person").disabled = !state.hasRoom;
  showRelay(state);
  showLegend(state);
  showTimeline(state);
  showCalls(state);
}

function open(person, number, tab) {
  const tabs = () => panes.get(person.id);
  const pane = new Pane(person, number, tab, {
    openTab() {
      if (tabs().length > 1) return;
      tabs().push(open(person, number, 2));
      show();
    },
    close() {
      tabs().splice(tabs().indexOf(pane), 1);
      pane.remove();
    },
  });
  if (tab === 1) byId("panes").append(pane.root);
  else tabs()[0].root.after(pane.root);
  pane.admit();
  return pane;
}

function eachPane(visit) {
  for (const tabs of panes.values()) tabs.forEach(visit);
}
