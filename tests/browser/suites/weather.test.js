// Networks as they are: proxies that block, cut, hold back and swallow; tabs that are hidden, frozen and asleep.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { browser, TOGETHER } from "../harness/browser.js";
import { launchPlain } from "../harness/chromium.js";
import { pause, until } from "../harness/until.js";
import { World } from "../harness/world.js";

const BRISK = { LIMITS_PING_INTERVAL: "1s", LIMITS_PING_TIMEOUT: "2s" };

describe("weather", TOGETHER, () => {
  const world = browser();

  test("WebSockets are blocked half-way: it goes on as a stream, and comes back when they are allowed", async (t) => {
    const it = await world(t);
    await it.live({ transport: "websocket" });
    await it.publish(100);
    it.proxy.websockets = "refuse";
    it.proxy.cut();
    await it.publish(100);
    await it.status("live", { transport: "sse" });
    await it.publish(100);
    await it.whole();
    it.proxy.websockets = "pass";
    await it.status("live", { transport: "websocket" });
    await it.publish(100);
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
    await until("one connection", async () => (await it.relay.clients()) === 1);
  });

  test("a WebSocket that is never answered is given up for a stream", async (t) => {
    const it = await world(t, { prepare: ({ proxy }) => (proxy.websockets = "hang") });
    await it.live({ transport: "sse" });
    await it.publish(200);
    assert.deepEqual(await it.whole(), { events: 200, resyncs: [] });
  });

  test("WebSockets that are cut soon after they open, again and again, are given up for a stream", async (t) => {
    const it = await world(t, { prepare: ({ proxy }) => (proxy.websockets = { cutAfter: 400 }) });
    await it.live();
    let events = 0;
    await until("a stream", async () => {
      await it.publish(20);
      events += 20;
      return (await it.look()).now.transport === "sse";
    });
    assert.deepEqual(await it.whole(), { events, resyncs: [] });
    assert.ok(it.proxy.seen.websockets >= 3);
  });

  for (const held of ["hold-body", "hold-all"]) {
    test(`streams are held back, too (${held}): it reads pages, and comes back`, async (t) => {
      const it = await world(t, { prepare: ({ proxy }) => Object.assign(proxy, { websockets: "refuse", streams: held }) });
      await it.connect();
      await it.status("live", { transport: "pages" });
      await it.publish(700);
      await it.whole();
      it.proxy.streams = "pass";
      await until("a better transport", async () => ["sse", "websocket"].includes((await it.look()).now.transport));
      it.proxy.websockets = "pass";
      await it.publish(100);
      await it.status("live", { transport: "websocket" });
      await it.publish(100);
      assert.deepEqual(await it.whole(), { events: 900, resyncs: [] });
    });
  }

  test("a network that flaps", async (t) => {
    // The log holds all of it, however long a busy machine takes to come back: a resync would be honest, and hide a loss.
    const it = await world(t, { relay: { ...BRISK, LIMITS_LOG_EVENTS: "10000" } });
    await it.live();
    let over = false;
    let events = 0;
    const publishing = (async () => {
      for (; !over; events += 10) {
        await it.publish(10);
        await pause(50);
      }
    })();
    for (let time = 0; time < 12; time += 1) {
      await pause(300 + ((time * 397) % 600));
      if (time % 3 === 0) it.proxy.cut();
      else if (time % 3 === 1) await it.proxy.refuse();
      else it.proxy.swallow();
      await pause(200);
      await it.proxy.pass();
    }
    over = true;
    await publishing;
    assert.deepEqual(await it.whole(), { events, resyncs: [] });
    await until("one connection", async () => (await it.relay.clients()) === 1);
  });

  test("a page that computes for longer than the ping timeout", async (t) => {
    const it = await world(t, { relay: BRISK });
    await it.live();
    await it.publish(100);
    await it.whole();
    const busy = it.page.evaluate(() => {
      for (const end = Date.now() + 7_000; Date.now() < end; );
    });
    await it.relay.noClients();
    await it.publish(300);
    await busy;
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
  });
});

describe("a browser like anybody's", { concurrency: 2, timeout: 180_000 }, () => {
  async function plain(t, options) {
    const chromium = await launchPlain();
    t.after(() => chromium.end());
    return Object.assign(await World.make(t, chromium.context, options), { chromium });
  }

  test("a hidden tab, then a frozen one, for longer than ping timeout and token life together", async (t) => {
    const it = await plain(t, { relay: BRISK, prepare: ({ app }) => (app.tokenLife = 4) });
    await it.live();
    await it.publish(100);
    await it.whole();

    const other = await it.chromium.context.newPage();
    await other.bringToFront();
    await until("a hidden page", () => it.page.evaluate(() => document.visibilityState === "hidden"));
    await it.publish(200);
    await pause(8_000);
    await it.whole();

    const page = await it.chromium.context.newCDPSession(it.page);
    await page.send("Page.setWebLifecycleState", { state: "frozen" });
    await it.relay.noClients();
    await it.publish(300);
    await pause(8_000);
    await page.send("Page.setWebLifecycleState", { state: "active" });
    await it.page.bringToFront();
    assert.deepEqual(await it.whole(), { events: 600, resyncs: [] });
  });

  test("a laptop that sleeps, for longer than ping timeout and token life together", async (t) => {
    const it = await plain(t, { relay: BRISK, prepare: ({ app }) => (app.tokenLife = 4) });
    await it.live();
    await it.publish(100);
    await it.whole();
    it.chromium.sleep();
    try {
      await it.relay.noClients();
      await it.publish(300);
      await pause(8_000);
    } finally {
      it.chromium.wake();
    }
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
  });
});
