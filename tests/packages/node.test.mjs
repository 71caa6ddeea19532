// The tarballs in plain Node: CommonJS and ECMAScript modules, on every Node that Forge and people run, with the addon,
// without it, and with a broken one.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
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
    const native = await consumer(t, { from, install: NATIVE });
    const wasm = await consumer(t, { from, install: ["node"] });
    const session = `node-${from}`;
    const env = { RELAY_URL: relay.url, RELAY_SECRET: SECRET, SESSION: session };
    const { Relay } = (await import(join(native, "node_modules/@forge-relay/node/dist/index.js"))).default;
    const { token } = new Relay({ url: relay.url, secret: SECRET }).mintToken({ accountId: "a", sessionId: session });
    const page = await subscribe(t, relay.url, token);
    let seq = 0;
    for (const major of [20, 22, 24]) {
      for (const [runtime, folder] of Object.entries({ native, wasm })) {
        const { stdout } = await ran(node(major), [join(folder, program)], { cwd: "/", env });
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

test("what is imported is what is required, and a bundler finds the same", async (t) => {
  const folder = await consumer(t, { install: NATIVE });
  const program = `
    const assert = require("node:assert/strict");
    const required = require("@forge-relay/node");
    import("@forge-relay/node").then((imported) => {
      assert.deepEqual(Object.keys(imported), Object.keys(required).sort());
      for (const [name, value] of Object.entries(imported)) assert.deepEqual([value, value.name], [required[name], name]);
      console.log(Object.keys(imported).join());
    });`;
  writeFileSync(join(folder, "both.cjs"), program);
  const here = await ran(process.execPath, [join(folder, "both.cjs")]);
  writeFileSync(join(folder, "bundler.mjs"), 'import * as all from "@forge-relay/node";\nconsole.log(Object.values(all).map(({ name }) => name).join());\n');
  const bundler = await ran(process.execPath, ["--conditions=webpack", join(folder, "bundler.mjs")]);
  assert.equal(bundler.stdout, here.stdout);
});

test("in a bundle, what is required and what is imported is one", async (t) => {
  const folder = await consumer(t, { install: NATIVE });
  const program = `
    const required = require("@forge-relay/node");
    exports.main = async () => ({ one: (await import("@forge-relay/node")).RelayError === required.RelayError, names: Object.keys(required), runtime: required.runtime() });`;
  writeFileSync(join(folder, "function.js"), program);
  const webpack = createRequire(import.meta.url)("webpack");
  await new Promise((resolve, reject) => {
    const output = { path: join(folder, "out"), filename: "function.cjs", library: { type: "commonjs2" } };
    const config = { mode: "production", target: "node20", context: folder, entry: "./function.js", output };
    webpack(config, (error, stats) => (error || stats.hasErrors() ? reject(error ?? new Error(stats.toString())) : resolve()));
  });
  const { main } = createRequire(import.meta.url)(join(folder, "out/function.cjs"));
  assert.deepEqual(await main(), { one: true, names: ["Relay", "RelayError", "outboxConsumer", "runtime"], runtime: "wasm" });
});

// Loading it takes a cold function longer than all of the first token.
test("natively, neither a token nor a signature loads Node's cryptography", async (t) => {
  const folder = await consumer(t, { install: NATIVE });
  const program = `
    const { Relay, runtime } = require("@forge-relay/node");
    const relay = new Relay({ url: "https://relay.example.com", secret: "${SECRET}" });
    const ids = new Set();
    for (let n = 0; n < 1000; n += 1) {
      ids.add(relay.verifyToken(relay.mintToken({ accountId: "a", sessionId: "s" }).token).jti);
      ids.add(relay.signRequest("{}")["webhook-id"]);
    }
    console.log(JSON.stringify({ runtime: runtime(), ids: [...ids], loaded: process.moduleLoadList.filter((name) => /crypto/.test(name)) }));`;
  writeFileSync(join(folder, "first.cjs"), program);
  for (const major of [20, 22, 24]) {
    const { stdout } = await ran(node(major), [join(folder, "first.cjs")]);
    const { runtime, ids, loaded } = JSON.parse(stdout);
    assert.deepEqual([runtime, ids.length, loaded], ["native", 2000, []], `Node ${major}`);
    const [jtis, requests] = [ids.filter((id) => !id.startsWith("msg_")), ids.filter((id) => id.startsWith("msg_"))];
    // A version 4 UUID, as Web Crypto would have given.
    for (const jti of jtis) assert.match(jti, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    for (const request of requests) assert.match(request, /^msg_[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  }
});
