// What the promise is worth when tokens end, relays stop and networks break: no event lost, repeated or out of order,
// and in the end the state that the app has.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { browser, TOGETHER } from "../harness/browser.js";
import { pause, until } from "../harness/until.js";

/** Connections that are noticed dead within four seconds. */
const BRISK = { LIMITS_PING_INTERVAL: "2s", LIMITS_PING_TIMEOUT: "2s" };

describe("delivery", TOGETHER, () => {
  const world = browser();

  test("a token is renewed on the connection that lives", async (t) => {
    const it = await world(t, { prepare: ({ app }) => (app.tokenLife = 10) });
    await it.live();
    let events = 0;
    await until("three renewals", async () => {
      await it.publish(10);
      events += 10;
      await pause(500);
      return it.app.asked.tokens >= 4;
    });
    assert.deepEqual(await it.whole(), { events, resyncs: [] });
    assert.equal(it.heard.sockets.length, 1, "one socket, all the time");
    assert.ok((await it.look()).told.every(({ status }) => status !== "offline"));
  });

  for (const transport of ["sse", "pages"]) {
    test(`with ${transport}, another connection takes over before the token ends`, async (t) => {
      const it = await world(t, { prepare: ({ app }) => (app.tokenLife = 10) });
      await it.live({ transports: [transport] });
      let events = 0;
      await until("three renewals", async () => {
        await it.publish(10);
        events += 10;
        await pause(500);
        return it.app.asked.tokens >= 4;
      });
      assert.deepEqual(await it.whole(), { events, resyncs: [] });
      assert.ok((await it.look()).told.every(({ status }) => status !== "offline"), JSON.stringify((await it.look()).told.filter(({ status }) => status)));
    });
  }

  test("a token ends because the app cannot give another one; once it can, what was missed comes", async (t) => {
    const it = await world(t, { prepare: ({ app }) => (app.tokenLife = 4) });
    await it.live();
    await it.publish(100);
    await it.whole();
    const give = it.app.tokens;
    it.app.tokens = () => ({ status: 500, body: {} });
    await it.told("the end of the token", ({ status, reason }) => status === "offline" && reason === "token_expired");
    await it.told("why there is no other", ({ reason, error }) => reason === "token_failed" && error === "the app answered 500");
    await it.publish(300);
    it.app.tokens = give;
    await it.status("live");
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
  });

  test("a relay that is shut down says so, and its successor is found", async (t) => {
    const it = await world(t);
    await it.live();
    await it.publish(200);
    await it.whole();
    await it.relay.terminate();
    await it.told("that the relay is draining", ({ status, reason }) => status === "offline" && reason === "draining");
    await it.relay.start();
    await it.publish(200);
    const { resyncs } = await it.whole();
    assert.deepEqual(resyncs, ["epoch_changed"]);
    await it.publish(100);
    await it.whole();
  });

  test("killed and started again, again and again, while the app goes on", async (t) => {
    const it = await world(t);
    await it.live();
    let over = false;
    const publishing = (async () => {
      while (!over) await it.publish(20, { size: 5 });
    })();
    for (let time = 0; time < 3; time += 1) {
      const before = (await it.look()).told.filter(({ n }) => n !== undefined).length;
      await until("events", async () => (await it.look()).told.filter(({ n }) => n !== undefined).length > before + 50);
      await it.relay.kill();
      await it.status("offline");
      await it.relay.start();
      await it.status("live");
    }
    over = true;
    await publishing;
    const { resyncs } = await it.whole();
    assert.ok(resyncs.length >= 3 && resyncs.every((reason) => reason === "epoch_changed"), String(resyncs));
  });

  test("what the log no longer holds at the reconnect is told, and the state is loaded again", async (t) => {
    const it = await world(t, { relay: { LIMITS_LOG_EVENTS: "50" } });
    await it.live();
    await it.publish(40);
    await it.whole();
    await it.proxy.refuse();
    await it.status("offline");
    await it.publish(300);
    await it.proxy.pass();
    assert.deepEqual((await it.whole()).resyncs, ["trimmed"]);
    await it.publish(40);
    assert.deepEqual((await it.whole()).resyncs, ["trimmed"]);
  });

  test("a page that falls behind while it is connected is told, and loads the state again", async (t) => {
    const it = await world(t, { relay: { LIMITS_LOG_EVENTS: "20", LIMITS_WRITE_DEADLINE: "2m", LIMITS_LEAST_RATE: "0B" } });
    await it.live();
    await it.publish(20);
    await it.whole();
    it.proxy.stall();
    await it.publish(400, { size: 12, pad: "x".repeat(60_000) });
    it.proxy.flow();
    const { events, resyncs } = await it.whole();
    assert.ok(resyncs.length > 0 && resyncs.every((reason) => reason === "fell_behind" || reason === "trimmed"), String(resyncs));
    assert.ok(events < 420, "it did miss some");
    assert.equal(it.heard.sockets.length, 1, "it stayed connected");
  });

  test("500 missed events come, each once and in order", async (t) => {
    const it = await world(t);
    await it.live();
    await it.publish(100);
    await it.whole();
    await it.proxy.refuse();
    await it.status("offline");
    await it.publish(500);
    await it.proxy.pass();
    assert.deepEqual(await it.whole(), { events: 600, resyncs: [] });
    assert.equal(it.app.asked.snapshots, 1, "a state that is whole is not loaded again");
  });

  test("a black hole that lasts longer than ping timeout and token life together", async (t) => {
    const it = await world(t, { relay: BRISK, prepare: ({ app }) => (app.tokenLife = 4) });
    await it.live();
    await it.publish(100);
    await it.whole();
    it.proxy.swallow();
    await it.publish(300);
    await it.status("offline");
    await it.relay.noClients();
    await pause(9_000);
    assert.notEqual((await it.look()).now.status, "live");
    await it.proxy.pass();
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
  });

  test("a browser without a network, for longer than ping timeout and token life together", async (t) => {
    const it = await world(t, { relay: BRISK, prepare: ({ app }) => (app.tokenLife = 4) });
    await it.live();
    await it.publish(100);
    await it.whole();
    await it.context.setOffline(true);
    // Chromium's emulation leaves sockets that are open alone.
    it.proxy.swallow();
    await it.publish(300);
    await it.status("offline", { reason: "network" });
    await it.relay.noClients();
    await pause(9_000);
    await it.proxy.pass();
    await it.status("offline", { reason: "network" });
    await it.context.setOffline(false);
    assert.deepEqual(await it.whole(), { events: 400, resyncs: [] });
  });

  test("a snapshot without a cursor, slow, in the midst of events", async (t) => {
    const it = await world(t, { prepare: ({ app }) => (app.snapshotPause = 700) });
    await it.publish(50);
    await it.connect({ placed: false });
    for (let time = 0; time < 40; time += 1) await it.publish(10);
    await it.whole();
    await it.page.evaluate(() => globalThis.kit.sync("main").reload());
    for (let time = 0; time < 40; time += 1) await it.publish(10);
    assert.deepEqual((await it.whole()).resyncs, []);
  });

  test("a resync while the snapshot is on its way", async (t) => {
    const it = await world(t, { relay: { LIMITS_LOG_EVENTS: "30" }, prepare: ({ app }) => (app.snapshotPause = 2_000) });
    await it.publish(10);
    await it.connect();
    await until("a snapshot that is asked for", () => it.app.asked.snapshots > 0);
    await it.relay.kill();
    await it.status("offline");
    await it.relay.start();
    await it.publish(100);
    await it.whole();
    await it.publish(20);
    await it.whole();
  });

  test("a session goes on after the cursor of an earlier one", async (t) => {
    const it = await world(t);
    await it.live();
    await it.publish(50);
    await it.whole();
    const { cursor } = await it.look();
    await it.page.evaluate(() => globalThis.kit.session("main").close());
    await it.publish(200);
    await it.live({ name: "next", cursor });
    const { told } = await until("the events since", async () => {
      const look = await it.look("next");
      return look.told.some(({ n }) => n === 250) && look;
    });
    assert.deepEqual(told.filter(({ n }) => n !== undefined).map(({ n }) => n), Array.from({ length: 200 }, (_, index) => index + 51));
  });
});
