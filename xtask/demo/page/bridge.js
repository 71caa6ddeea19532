// Jira's side of @forge/bridge: what an app's page asks of the page around it. Who asks is known by the window that the
// question comes from, never by what it says.

import { post } from "./api.js";
import { mode, onMode } from "./theme.js";

/** By the window of its frame: `{ person, flags, origin }`. */
const panes = new Map();

const commands = {
  invoke: ({ person }, { functionKey, payload }) => post("invoke", { person, key: functionKey, payload }),
  getContext: ({ person }) => post("context", { person }),
  enableTheming: () => mode(),
  showFlag: ({ flags }, options) => flags.show(options),
  closeFlag: ({ flags }, { id }) => flags.close(id),
};

export function startBridge() {
  addEventListener("message", ({ source, origin, data }) => {
    const pane = panes.get(source);
    if (pane === undefined || origin !== pane.origin || data?.forge !== "call") return;
    answer(pane, data).then((said) => source.postMessage({ forge: "answer", id: data.id, ...said }, pane.origin));
  });
  onMode((now) => {
    for (const [window, { origin }] of panes) window.postMessage({ forge: "theme", mode: now }, origin);
  });
}

/** From now on this frame is that person's page. */
export function admit(frame, pane) {
  panes.set(frame.contentWindow, pane);
}

export function dismiss(frame) {
  panes.delete(frame.contentWindow);
}

async function answer(pane, { cmd, data }) {
  try {
    const command = commands[cmd];
    if (command === undefined) throw new Error(`the demo's page has no ${cmd}`);
    return { ok: true, value: await command(pane, data) };
  } catch (error) {
    return { ok: false, error: error.message };
  }
}
