// What pages and queues have called, newest first.

import { byId, element, setText } from "./dom.js";
import { duration } from "./words.js";

export function showCalls({ calls, people }) {
  setText(byId("calls-count"), calls.length === 0 ? "" : `${calls.at(-1).key}, ${duration(calls.at(-1).ms)}`);
  if (!byId("calls-card").open) return;
  const nameOf = (id) => people.find((person) => person.id === id)?.name ?? "the queue";
  byId("calls").replaceChildren(
    ...calls.toReversed().map(({ person, key, ms, ok }) =>
      element("li", { "data-ok": ok }, element("code", {}, key), element("span", {}, nameOf(person)), element("span", { class: "time" }, ok ? duration(ms) : "failed")),
    ),
  );
}
