// The tarballs in plain Node: CommonJS and ECMAScript modules, on every Node that Forge and people run, with the addon,
// without it, and with a broken one.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { consumer, node, ran } from "./harness/consumer.mjs";
import { SECRET, startRelay, subscribe } from "./harness/relay.mjs";

const NATIVE = ["node", `node-${process.platform}-${process.arch}-gnu`];

const forms = [
  ["commonjs", "node-cjs", "main.cjs"],
  ["modules", "node-esm", "main.mjs"],
];

for (const [name, from, program] of forms) {
  test(`${name}: published by Node 20, 22 and 24, natively and as WebAssembly, received by a stock client`, async (t) => {
    const relay = await startRelay(t);
    const folder = await consumer(t, { from, install: NATIVE });
    const session = `node-${from}`;
    const env = { RELAY_URL: relay.url, RELAY_SECRET: SECRET, SESSION: session };
    const { Relay } = (await import(join(folder, "node_modules/@forge-relay/node/dist/index.js"))).default;
    const { token } = new Relay({ url: relay.url, secret: SECRET }).mintToken({ accountId: "a", sessionId: session });
    const page = await subscribe(t, relay.url, token);
    let seq = 0;
    for (const major of [20, 22, 24]) {
      for (const [words, runtime] of [
        [[], "native"],
        [["--conditions=webpack"], "wasm"],
      ]) {
        const { stdout } = await ran(node(major), [...words, join(folder, program)], { cwd: "/", env });
        const said = JSON.parse(stdout);
        seq += 1;
        assert.deepEqual({ ...said, node: Number(said.node.split(".")[0]) }, { runtime, seq, node: major });
        const event = await page.next();
        assert.equal(event.seq, seq);
        assert.equal(event.event, "vote.cast");
      }
    }
    assert.deepEqual(page.left, []);
  });
}

test("where no addon fits the machine, it is WebAssembly, without a word", async (t) => {
  const relay = await startRelay(t);
  const env = { RELAY_URL: relay.url, RELAY_SECRET: SECRET, SESSION: "no-addon" };
  const without = await consumer(t, { from: "node-cjs", install: ["node"] });
  const first = await ran(process.execPath, [join(without, "main.cjs")], { env });
  assert.equal(JSON.parse(first.stdout).runtime, "wasm");
  assert.equal(first.stderr, "");

  const broken = await consumer(t, { from: "node-cjs", install: NATIVE });
  const addon = join(broken, "node_modules/@forge-relay", NATIVE[1]);
  writeFileSync(join(addon, readdirSync(addon).find((file) => file.endsWith(".node"))), "not for this machine");
  const second = await ran(process.execPath, [join(broken, "main.cjs")], { env });
  assert.equal(JSON.parse(second.stdout).runtime, "wasm");
});
