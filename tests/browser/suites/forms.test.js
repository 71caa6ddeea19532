// Which form of the core runs where, under the header that Forge really sends.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";

import { browser, TOGETHER } from "../harness/browser.js";
import { forgeHeader } from "../harness/csp.js";
import { PAGES } from "../harness/paths.js";
import { until } from "../harness/until.js";

/** What Forge puts there before a page's own scripts run. */
const BRIDGE = "globalThis.__bridge = { callBridge: async () => ({}) };";

/** Which chunks of the core the page has loaded. */
const chunks = (world) => world.app.loaded.map((file) => /\/(js|wasm)-[^/]*\.js$/.exec(file)?.[1]).filter(Boolean);

/** Serves the pages as Forge does, to an app whose manifest names the relay's two addresses. */
function asForge(scripts) {
  return async ({ app, proxy }) => {
    const client = [proxy.url, proxy.url.replace("http", "ws")];
    app.headers = forgeHeader(await readFile(path.join(PAGES, "plain", "dist", "index.html"), "utf8"), { client, scripts });
  };
}

async function worksEndToEnd(world, form) {
  await world.live({ form, transport: "websocket" });
  await world.publish(20, { size: 1 });
  assert.deepEqual(await world.whole(), { events: 20, resyncs: [] });
}

describe("the form of the core", TOGETHER, () => {
  const world = browser();

  test("in Forge it is JavaScript, and nothing asks whether WebAssembly may be compiled", async (t) => {
    const forge = await world(t, { prepare: asForge([]), script: BRIDGE });
    await worksEndToEnd(forge, undefined);
    assert.equal(await forge.page.evaluate(() => globalThis.kit.runtime()), "wasm2js");
    assert.deepEqual(chunks(forge), ["js"]);
    assert.deepEqual(forge.heard.violations, []);
    assert.deepEqual(forge.heard.errors, []);
  });

  test("in Forge it works over the other transports, too", async (t) => {
    const forge = await world(t, { prepare: asForge([]), script: BRIDGE });
    for (const transport of ["sse", "pages"]) {
      await forge.live({ name: transport, transports: [transport], transport });
      await forge.publish(20);
      await forge.whole(transport);
    }
    assert.deepEqual(forge.heard.violations, []);
    assert.deepEqual(forge.heard.errors, []);
  });

  test('in Forge with "unsafe-eval" it is WebAssembly where the app asks for it', async (t) => {
    const forge = await world(t, { prepare: asForge(["unsafe-eval"]), script: BRIDGE });
    await worksEndToEnd(forge, "wasm");
    assert.equal(await forge.page.evaluate(() => globalThis.kit.runtime()), "wasm");
    assert.deepEqual(chunks(forge), ["wasm"]);
    assert.deepEqual(forge.heard.violations, []);
    assert.deepEqual(forge.heard.errors, []);
  });

  test("on a page outside Forge it is WebAssembly", async (t) => {
    const plain = await world(t);
    await worksEndToEnd(plain, "auto");
    assert.equal(await plain.page.evaluate(() => globalThis.kit.runtime()), "wasm");
    assert.deepEqual(chunks(plain), ["wasm"]);
    assert.deepEqual(plain.heard.errors, []);
  });

  test("outside Forge, a page that may not compile gets JavaScript", async (t) => {
    const strict = await world(t, { prepare: asForge([]) });
    await worksEndToEnd(strict, "auto");
    assert.equal(await strict.page.evaluate(() => globalThis.kit.runtime()), "wasm2js");
    assert.deepEqual(chunks(strict), ["js"]);
  });

  test("WebAssembly where it is forbidden is denied, and the error says what to do", async (t) => {
    const forge = await world(t, { prepare: asForge([]), script: BRIDGE });
    await forge.connect({ form: "wasm" });
    await forge.status("denied", { reason: "runtime_unavailable" });
    const { now } = await forge.look();
    assert.match(now.error, /leave out form: "wasm", or allow "unsafe-eval"/);
    assert.deepEqual(await forge.relay.clients(), 0);
    // It stays so however often it is asked, and stays one session.
    await forge.page.evaluate(() => {
      globalThis.kit.session("main").retry();
      globalThis.kit.session("main").retry();
    });
    await until("another no", async () => (await forge.look()).told.filter(({ status }) => status === "denied").length === 2);
  });

  test("a chunk that does not come at first is fetched again", async (t) => {
    const plain = await world(t);
    let failed = 0;
    await plain.page.route(/\/wasm-[^/]*\.js$/, (route) => (failed++ === 0 ? route.abort("connectionreset") : route.continue()));
    await plain.live();
    assert.ok(failed > 0);
    await until("a session that is whole", async () => (await plain.look()).view.fresh);
  });

  test("retried twice at once after a chunk never came, a session is one session", async (t) => {
    const plain = await world(t);
    await plain.page.route(/\/wasm-[^/]*\.js$/, (route) => route.abort("connectionreset"));
    await plain.connect();
    await plain.status("denied", { reason: "runtime_unavailable" });
    await plain.page.unrouteAll();
    await plain.page.evaluate(() => {
      globalThis.kit.session("main").retry();
      globalThis.kit.session("main").retry();
    });
    await plain.status("live");
    await plain.publish(10);
    await plain.whole();
    assert.equal(plain.app.asked.tokens, 1);
    assert.equal(await plain.relay.clients(), 1);
  });
});
