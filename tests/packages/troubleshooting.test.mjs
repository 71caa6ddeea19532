// docs/troubleshooting.md has every code there is, and none besides.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { consumer } from "./harness/consumer.mjs";
import { root, text } from "./harness/markdown.mjs";

/** The rows whose first cell is a code: the code, and where it is seen. */
const rows = Array.from(text("docs/troubleshooting.md").matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm), ([, code, seen]) => ({ code, seen }));
const json = (file) => JSON.parse(readFileSync(join(root, "openapi", file), "utf8"));
const consts = ({ oneOf }) => oneOf.map((each) => each.const);

test("every code of the contract and of the two packages has a row, and no other has one", async (t) => {
  const app = join(await consumer(t, { install: ["node", "client"], type: "module", registry: true }), "node_modules/@forge-relay");
  const [, reasons] = /Why, for `offline` and `denied`: one of the relay's codes, such as (.*?)\.\n/s.exec(readFileSync(join(app, "client/dist/session.d.ts"), "utf8"));
  const [, own] = /type RelayErrorCode = Code(.*?);/s.exec(readFileSync(join(app, "node/dist/error.d.ts"), "utf8"));
  const known = new Set([
    ...consts(json("schemas/Code.json")),
    ...consts(json("schemas/ResyncReason.json")),
    ...Array.from(reasons.matchAll(/`(\w+)`/g), ([, code]) => code),
    ...Array.from(own.matchAll(/"(\w+)"/g), ([, code]) => code),
  ]);
  assert.deepEqual(rows.map(({ code }) => code).sort(), [...known].sort());
});

test("it says with which HTTP status each code comes", () => {
  const statuses = {};
  for (const { responses } of Object.values(json("openapi.json").paths).flatMap(Object.values)) {
    for (const [status, { content }] of Object.entries(responses ?? {})) {
      for (const code of Object.keys(content?.["application/problem+json"]?.examples ?? {})) (statuses[code] ??= new Set()).add(status);
    }
  }
  for (const { code, seen } of rows) {
    assert.deepEqual(seen.match(/\d{3}/g) ?? [], [...(statuses[code] ?? [])].sort(), code);
  }
});
