// The package in bundles: webpack 5, and Forge's own bundler with its default settings. What they make is taken to another
// folder, where nothing of the app lies around it, and run there against a relay.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { consumer, node, ran, tools } from "./harness/consumer.mjs";
import { SECRET, startRelay, subscribe } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

const require = createRequire(import.meta.url);
const install = ["node", `node-${process.platform}-${process.arch}-gnu`];

/** Calls the bundle's `vote` on a Node of that version, from a foreign folder, and hears of it as a page does. */
async function runsEverywhere(t, folder, file) {
  const away = mkdtempSync(join(tmpdir(), "forge-relay-bundle-"));
  t.after(() => rmSync(away, { recursive: true, force: true }));
  cpSync(folder, away, { recursive: true });
  const relay = await startRelay(t);
  const minting = new sdk.Relay({ url: relay.url, secret: SECRET });
  const page = await subscribe(t, relay.url, minting.mintToken({ accountId: "page", sessionId: "s" }).token);
  const call = `require(${JSON.stringify(join(away, file))}).vote({ payload: { sessionId: "s", value: "5" }, context: { accountId: "acct-1" } }).then((said) => console.log(JSON.stringify(said)))`;
  let seq = 0;
  for (const major of [20, 22, 24]) {
    const env = { RELAY_URL: relay.url, RELAY_SECRET: SECRET };
    const { stdout, stderr } = await ran(node(major), ["-e", call], { cwd: "/", env });
    const said = JSON.parse(stdout);
    seq += 1;
    assert.deepEqual([said.runtime, said.seq, stderr], ["wasm", seq, ""], `Node ${major}`);
    const claims = minting.verifyToken(said.token);
    assert.deepEqual([claims.sub, claims.exp], ["acct-1", said.expiresAt]);
    assert.deepEqual((await page.next()).payload, { value: "5" });
  }
}

test("webpack 5 takes the inlined WebAssembly and nothing else", async (t) => {
  const webpack = require("webpack");
  const folder = await consumer(t, { from: "webpack", install });
  for (const mode of ["production", "development"]) {
    const stats = await new Promise((resolve, reject) => {
      const config = { mode, target: "node20", context: folder, entry: "./index.js", output: { path: join(folder, mode), library: { type: "commonjs2" } } };
      webpack(config, (error, done) => (error ? reject(error) : resolve(done)));
    });
    assert.deepEqual(stats.toJson({ all: false, errors: true, warnings: true }), { errors: [], warnings: [] });
    assert.deepEqual(readdirSync(join(folder, mode)), ["main.js"]);
    await runsEverywhere(t, join(folder, mode), "main.js");
  }
});

test("@forge/bundler, with its default settings, bundles a function that mints and publishes", async (t) => {
  const folder = await consumer(t, { from: "forge-function", install, links: ["@forge/events", "@forge/api"] });
  // It looks at the working folder, and prints; so it has a process of its own.
  const program = `
    const { getNodeBundler } = require(${JSON.stringify(join(tools, "@forge/bundler"))});
    const logger = { info() {}, warn() {}, debug() {}, trace() {}, error: console.error };
    const wrapper = { getNodeRuntimeWrapper: async () => ({ script: "", source: "", version: "x" }), getNodeRuntimeLoader: async () => ({ script: "", source: "", version: "x" }) };
    const config = { readConfig: async () => ({ app: { package: undefined } }) };
    getNodeBundler(logger, wrapper, config)
      .bundle({ appDirectory: process.cwd(), entryPoints: [{ name: "index", path: "src/index.js" }], successMessage: "" })
      .then(({ outputDir }) => console.log("OUTPUT " + outputDir), (error) => { console.error(error); process.exitCode = 1; });`;
  writeFileSync(join(folder, "bundle.cjs"), program);
  const { stdout } = await ran(process.execPath, ["bundle.cjs"], { cwd: folder });
  const output = /^OUTPUT (.+)$/m.exec(stdout)[1];
  t.after(() => rmSync(output, { recursive: true, force: true }));
  const files = readdirSync(output, { recursive: true });
  assert.ok(!files.some((file) => /\.(node|wasm)$/.test(file)), files.join(" "));
  await runsEverywhere(t, output, "index.cjs");
});
