// Judges what a page was told: every event in order and once, or a resync in between.

import assert from "node:assert/strict";

/**
 * `told` is the list of what happened in the page, in its order; `last` is the number of the last event there is.
 * Answers with how many events there were, and the reasons of the resyncs.
 */
export function judge(told, last) {
  const resyncs = [];
  let [expected, events, jumped] = [undefined, 0, false];
  for (const entry of told) {
    if (entry.resync !== undefined) {
      resyncs.push(entry.resync);
      jumped = true;
    }
    if (entry.n === undefined) continue;
    events += 1;
    if (!jumped && expected !== undefined) assert.equal(entry.n, expected, `after ${expected - 1} comes ${expected}: ${around(told, entry)}`);
    // Even after a resync the past does not come again; unless the relay that knew it is gone, and so published it anew.
    if (jumped && expected !== undefined && resyncs.at(-1) !== "epoch_changed") assert.ok(entry.n >= expected, `${entry.n} came again after ${expected - 1}: ${around(told, entry)}`);
    expected = entry.n + 1;
    jumped = false;
  }
  if (expected !== undefined && !jumped) assert.equal(expected - 1, last, "the last event is there");
  return { events, resyncs };
}

function around(told, entry) {
  const at = told.indexOf(entry);
  return JSON.stringify(told.slice(Math.max(at - 6, 0), at + 3));
}
