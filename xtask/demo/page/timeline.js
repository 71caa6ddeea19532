// What happened, newest first: each event with who has it.

import { byId, element, setAttribute, setText } from "./dom.js";
import { duration, sentence } from "./words.js";

const list = byId("timeline");
const rows = new Map();

export function showTimeline({ entries, people }) {
  const nameOf = (id) => people.find((person) => person.id === id)?.name ?? "Somebody";
  const numberOf = (id) => people.findIndex((person) => person.id === id);
  for (const [id, row] of rows) {
    if (entries.some((entry) => entry.id === id)) continue;
    row.root.remove();
    rows.delete(id);
  }
  for (const entry of entries) {
    let row = rows.get(entry.id);
    if (row === undefined) {
      row = entry.kind === "event" ? eventRow(entry, nameOf) : noteRow(entry, numberOf);
      rows.set(entry.id, row);
      list.prepend(row.root);
      if (entry.kind === "note") setText(byId("said"), entry.text);
    }
    row.show?.(entry, people);
  }
}

function noteRow({ text, person }, numberOf) {
  return { root: element("li", { class: "note", "data-who": person === undefined ? undefined : numberOf(person) }, text) };
}

function eventRow(entry, nameOf) {
  const dots = element("span", { class: "dots", role: "img" });
  const time = element("span", { class: "time" });
  const root = element(
    "li",
    { class: "event", "data-testid": `event-${entry.place.seq}` },
    element(
      "details",
      {},
      element(
        "summary",
        {},
        element("span", { class: "seq" }, String(entry.place.seq)),
        element("span", { class: "sentence" }, sentence(entry.envelope, nameOf), element("code", {}, entry.envelope.event)),
        element("span", { class: "who" }, dots, time),
      ),
      element("pre", { tabindex: "0" }, JSON.stringify(entry.envelope, undefined, 2)),
    ),
  );
  return { root, show: ({ has }, people) => showWho({ has }, people, { root, dots, time }) };
}

function showWho({ has }, people, { root, dots, time }) {
  people.forEach(({ id, name }, number) => {
    const dot = dots.children[number] ?? dots.appendChild(element("i", { "data-who": number }));
    const ms = has[id];
    setAttribute(dot, "data-has", ms === undefined ? "no" : ms === null ? "state" : "event");
    dot.title = ms === undefined ? `${name}: not yet` : ms === null ? `${name}: in the table that was loaded` : `${name}: after ${duration(ms)}`;
  });
  const missing = people.filter(({ id }) => !(id in has)).map(({ name }) => name);
  const times = Object.values(has).filter((ms) => ms !== null);
  setAttribute(root, "data-has", Object.keys(has).join(" "));
  setText(time, missing.length > 0 ? `waits for ${missing.length === 1 ? missing[0] : missing.length}` : times.length > 0 ? duration(Math.max(...times)) : "");
  setAttribute(dots, "aria-label", missing.length > 0 ? `Not yet with ${missing.join(", ")}` : "Everybody has it");
}
