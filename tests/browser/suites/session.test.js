// A session's own manners: what it refuses, what it says when it is refused, and that it leaves nothing behind.

import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";

import { browser, TOGETHER } from "../harness/browser.js";
import { freePort, listen } from "../harness/ports.js";
import { until } from "../harness/until.js";

/** Counts the timers of a page that have yet to ring. */
const COUNT_TIMERS = () => {
  const timers = new Set();
  globalThis.timers = timers;
  for (const [set, clear, repeats] of [["setTimeout", "clearTimeout", false], ["setInterval", "clearInterval", true]]) {
    const [start, end] = [globalThis[set], globalThis[clear]];
    globalThis[set] = (call, ...rest) => {
      const id = start((...values) => {
        if (!repeats) timers.delete(id);
        call(...values);
      }, ...rest);
      timers.add(id);
      return id;
    };
    globalThis[clear] = (id) => {
      timers.delete(id);
      end(id);
    };
  }
};

/** Nothing is left of a session: no timer, no socket, no request, and nobody at the relay. */
async function nothingLeft(it) {
  await until("no timer", () => it.page.evaluate(() => globalThis.timers.size === 0));
  await until("no socket", () => it.heard.sockets.every((socket) => socket.isClosed()));
  await until("no request", () => it.heard.open.size === 0);
  await it.relay.noClients();
  assert.equal(await it.page.evaluate(() => globalThis.timers.size), 0, "and nothing began since");
}

describe("a session", TOGETHER, () => {
  const world = browser();

  test("is denied where the app says no for good, and begins again when it is asked to", async (t) => {
    const it = await world(t);
    const give = it.app.tokens;
    it.app.tokens = () => ({ status: 403, body: {} });
    await it.connect();
    await it.status("denied", { reason: "token_failed" });
    assert.equal((await it.look()).now.error, "the app answered 403");
    assert.equal(it.app.asked.tokens, 1);
    it.app.tokens = give;
    await it.page.evaluate(() => globalThis.kit.session("main").retry());
    await it.status("live");
    await it.publish(10);
    await it.whole();
  });

  test("is denied where the relay says no for good", async (t) => {
    const it = await world(t);
    const give = it.app.tokens;
    it.app.tokens = ({ session, account }) => ({ status: 200, body: { token: it.relay.token({ session, account, scope: ["nothing"] }) } });
    await it.connect();
    await it.status("denied", { reason: "scope_missing" });
    for (const transport of ["sse", "pages"]) {
      await it.connect({ name: transport, transports: [transport] });
      await it.status("denied", { name: transport, reason: "scope_missing" });
    }
    it.app.tokens = give;
    await it.page.evaluate(() => globalThis.kit.session("main").retry());
    await it.status("live");
  });

  test("is denied where the relay does not allow the page's origin", async (t) => {
    const it = await world(t, { relay: { ALLOWED_ORIGINS: "https://example.com" } });
    await it.connect();
    await it.status("denied", { reason: "origin_denied" });
  });

  test("is denied where what getToken answers with is no token", async (t) => {
    const it = await world(t);
    for (const [name, body] of [["number", { token: 7 }], ["empty", { token: "" }], ["null", null]]) {
      it.app.tokens = () => ({ status: 200, body });
      await it.connect({ name });
      await it.status("denied", { name, reason: "token_failed" });
      assert.match((await it.look(name)).now.error, /^getToken: /);
    }
    for (const transports of [["websocket"], ["sse"], ["pages"]]) {
      const [name] = transports;
      it.app.tokens = () => ({ status: 200, body: { token: "not.a.token" } });
      await it.connect({ name, transports });
      await it.status("denied", { name, reason: "token_invalid" });
    }
  });

  test("says that nobody listens there, and comes when somebody does", async (t) => {
    const it = await world(t);
    await it.proxy.refuse();
    await it.connect();
    await it.status("offline", { reason: "unreachable" });
    await it.proxy.pass();
    await it.status("live");
    const port = await freePort();
    await it.connect({ name: "wrong", url: `http://127.0.0.1:${port}` });
    await it.status("offline", { name: "wrong", reason: "unreachable" });
    assert.equal(typeof (await until("a time", async () => (await it.look("wrong")).now.retryAt)), "number");
  });

  test("says that what answers is no relay", async (t) => {
    const it = await world(t);
    const server = http.createServer((_request, answer) => {
      answer.writeHead(200, { "content-type": "text/html", "access-control-allow-origin": "*", "access-control-allow-headers": "authorization" });
      answer.end("<!doctype html><title>Welcome to nginx!</title>");
    });
    t.after(() => (server.close(), server.closeAllConnections()));
    const url = `http://127.0.0.1:${await listen(server)}`;
    for (const transports of [undefined, ["websocket"], ["sse"], ["pages"]]) {
      const name = `html ${transports}`;
      await it.connect({ name, url, transports });
      await it.status("offline", { name, reason: "unreachable" });
    }
  });

  test("says that nothing answers", async (t) => {
    const it = await world(t);
    it.proxy.swallow();
    for (const transports of [undefined, ["websocket"], ["sse"], ["pages"]]) await it.connect({ name: `hangs ${transports}`, transports });
    for (const transports of [undefined, ["websocket"], ["sse"], ["pages"]]) {
      await it.told("a timeout", ({ status, reason }) => status === "offline" && reason === "timed_out", `hangs ${transports}`);
    }
    await it.proxy.pass();
    for (const transports of [undefined, ["websocket"], ["sse"], ["pages"]]) await it.status("live", { name: `hangs ${transports}` });
  });

  test("throws at a wrong argument, by its name and before anything is sent", async (t) => {
    const it = await world(t);
    const before = it.app.loaded.length;
    const errors = await it.page.evaluate(() => {
      const { connect, syncState, RelayError } = globalThis.kit;
      const url = "https://relay.example.com";
      const getToken = () => {
        throw new Error("getToken was called");
      };
      const good = connect({ url, getToken: () => new Promise(() => {}), form: "js" });
      const wrong = [
        ["options", () => connect()],
        ["options", () => connect(null)],
        ["url", () => connect({ getToken })],
        ["url", () => connect({ url: 7, getToken })],
        ["url", () => connect({ url: "relay.example.com", getToken })],
        ["url", () => connect({ url: "ftp://relay.example.com", getToken })],
        ["url", () => connect({ url: "https://me:secret@relay.example.com", getToken })],
        ["url", () => connect({ url: "https://relay.example.com/socket.io/", getToken })],
        ["url", () => connect({ url: "https://relay.example.com/?a=b", getToken })],
        ["getToken", () => connect({ url })],
        ["getToken", () => connect({ url, getToken: "token" })],
        ["cursor", () => connect({ url, getToken, cursor: "7" })],
        ["cursor", () => connect({ url, getToken, cursor: 7 })],
        ["cursor", () => connect({ url, getToken, cursor: "00000000000000aa-99999999999999999" })],
        ["cursor", () => connect({ url, getToken, cursor: "00000000000000aa-9999999999999999" })],
        ["cursor", () => connect({ url, getToken, cursor: null })],
        ["transports", () => connect({ url, getToken, transports: [] })],
        ["transports", () => connect({ url, getToken, transports: "websocket" })],
        ["transports", () => connect({ url, getToken, transports: ["websocket", "polling"] })],
        ["form", () => connect({ url, getToken, form: "wasm2js" })],
        ["name", () => good.on(7, () => {})],
        ["listener", () => good.on("vote.cast")],
        ["listener", () => good.onStatus()],
        ["options", () => syncState()],
        ["session", () => syncState({ snapshot() {}, reduce() {} })],
        ["session", () => syncState({ session: {}, snapshot() {}, reduce() {} })],
        ["snapshot", () => syncState({ session: good, reduce() {} })],
        ["reduce", () => syncState({ session: good, snapshot() {} })],
        ["listener", () => syncState({ session: good, snapshot() {}, reduce() {} }).subscribe()],
      ];
      const outcomes = wrong.map(([field, call]) => {
        try {
          call();
          return `${field}: nothing was thrown by ${call}`;
        } catch (error) {
          const fits = error instanceof RelayError && error.code === "invalid" && error.field === field && !error.retryable;
          return fits && error.message.startsWith(field) ? undefined : `${field}: ${error} (${error.field})`;
        }
      });
      good.close();
      return outcomes.filter((each) => each !== undefined);
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(it.proxy.seen, { websockets: 0, streams: 0, pages: 0, other: 0 });
    assert.ok(it.app.loaded.slice(before).every((file) => !file.includes("/wasm-")), "not even the core was loaded");
    assert.deepEqual(it.heard.errors, []);
  });

  test("keeps to itself beside another one on the same page", async (t) => {
    const it = await world(t);
    await it.live();
    await it.live({ name: "other", session: "xyz-789", account: "acct-2" });
    await Promise.all([it.publish(200), it.app.publish("xyz-789", 300)]);
    assert.deepEqual(await it.whole(), { events: 200, resyncs: [] });
    assert.deepEqual(await it.whole("other", "xyz-789"), { events: 300, resyncs: [] });
    await it.page.evaluate(() => globalThis.kit.session("other").close());
    await until("one connection", async () => (await it.relay.clients()) === 1);
    await it.publish(50);
    await it.whole();
  });

  test("tells the events of one name only to who asked for them, and a listener that throws disturbs nobody", async (t) => {
    const it = await world(t);
    await it.live();
    await it.page.evaluate(() => {
      globalThis.sets = [];
      const session = globalThis.kit.session("main");
      session.on("cell.set", () => {
        throw new Error("the app's own error");
      });
      session.on("cell.set", ({ payload }) => globalThis.sets.push(payload.n));
      const stop = session.on("cell.put", ({ payload }) => {
        globalThis.sets.push(payload.n);
        stop();
      });
    });
    await it.publish(6);
    await it.whole();
    assert.deepEqual(await it.page.evaluate(() => globalThis.sets), [1, 2, 4, 6]);
    await until("the app's errors, reported", () => it.heard.errors.filter((error) => error.includes("the app's own error")).length === 3);
  });

  for (const transport of ["websocket", "sse", "pages"]) {
    test(`leaves nothing behind when it is closed (${transport})`, async (t) => {
      const it = await world(t, { script: COUNT_TIMERS });
      await it.live({ transports: [transport] });
      await it.publish(10);
      await it.whole();
      await it.page.evaluate(() => {
        globalThis.kit.sync("main").close();
        globalThis.kit.session("main").close();
        globalThis.kit.session("main").close();
      });
      assert.equal((await it.look()).now.status, "closed");
      await nothingLeft(it);
    });
  }

  test("leaves nothing behind when it is closed at an unlucky moment", async (t) => {
    const it = await world(t, { script: COUNT_TIMERS });
    // Before the core is there; while the app is asked for a token; on the way; while it waits for its next attempt.
    await it.page.evaluate((url) => {
      const { connect } = globalThis.kit;
      connect({ url, getToken: () => "a.b.c" }).close();
    }, it.proxy.url);
    await it.page.evaluate(async (url) => {
      const { connect } = globalThis.kit;
      let aborted = false;
      const session = connect({
        url,
        getToken: ({ signal }) => new Promise(() => {
          signal.addEventListener("abort", () => (aborted = true));
          setTimeout(() => session.close(), 0);
        }),
      });
      while (!aborted) await new Promise((resume) => setTimeout(resume, 10));
    }, it.proxy.url);
    it.proxy.swallow();
    for (const transport of ["websocket", "sse", "pages"]) {
      const before = Object.values(it.proxy.seen).reduce((a, b) => a + b);
      await it.connect({ name: transport, transports: [transport], sync: false });
      await until("a connection on its way", () => Object.values(it.proxy.seen).reduce((a, b) => a + b) > before);
      await it.page.evaluate((name) => globalThis.kit.session(name).close(), transport);
    }
    await it.proxy.refuse();
    await it.connect({ name: "waits", sync: false });
    await it.status("offline", { name: "waits" });
    await it.page.evaluate(() => globalThis.kit.session("waits").close());
    await nothingLeft(it);
  });

  for (const [where, close] of [
    ["a status", (session) => session.onStatus(({ status }) => status === "live" && session.close())],
    ["an event", (session) => session.on("*", () => session.close())],
    ["a resync", (session) => session.on("relay:resync", () => session.close())],
  ]) {
    test(`can be closed by who hears of ${where}, and leaves nothing behind`, async (t) => {
      const it = await world(t, { script: COUNT_TIMERS });
      await it.page.evaluate(
        ([url, token, source]) => {
          // A cursor of a log that never was: a resync is the first thing that it hears.
          const session = globalThis.kit.connect({ url, getToken: () => token, cursor: "00000000000000aa-7" });
          globalThis.session = session;
          globalThis.last = undefined;
          session.onStatus(({ status }) => (globalThis.last = status));
          new Function("session", `(${source})(session)`)(session);
        },
        [it.proxy.url, it.relay.token({ session: it.session }), String(close)],
      );
      if (where === "an event") {
        await until("a connection", () => it.page.evaluate(() => globalThis.session.status === "live"));
        await it.publish(5);
      }
      await until("a session that is closed", () => it.page.evaluate(() => globalThis.session.status === "closed"));
      assert.equal(await it.page.evaluate(() => globalThis.last), "closed", "and it said so");
      await nothingLeft(it);
      assert.deepEqual(it.heard.errors, []);
    });
  }
});

describe("a state", TOGETHER, () => {
  const world = browser();

  test("tells why it could not be loaded, and tries again", async (t) => {
    const it = await world(t);
    await it.page.route(/\/app\/board/, (route) => route.fulfill({ status: 500, body: "" }));
    await it.connect();
    await until("the error", async () => (await it.look()).view.error === "the app answered 500");
    assert.equal((await it.look()).view.fresh, false);
    await it.page.unrouteAll();
    await it.publish(10);
    await it.whole();
    assert.equal((await it.look()).view.error, undefined);
  });

  test("is shown before there is a connection, but not as fresh", async (t) => {
    const it = await world(t);
    await it.publish(10);
    await it.proxy.refuse();
    await it.connect();
    await until("the state", async () => (await it.look()).view.state?.last === 10);
    assert.equal((await it.look()).view.fresh, false);
    await it.publish(10);
    await it.proxy.pass();
    await it.whole();
  });

  for (const [pages, complains] of [["react-19", true], ["plain", false]]) {
    test(`${complains ? "complains" : "says nothing"} of a reduce that counts, in ${complains ? "development" : "production"}`, async (t) => {
      const it = await world(t, { pages });
      await it.live({ sync: false });
      await it.page.evaluate(() => {
        globalThis.counted = globalThis.kit.syncState({
          session: globalThis.kit.session("main"),
          snapshot: () => ({ state: { count: 0 }, cursor: null }),
          reduce: ({ count }) => ({ count: count + 1 }),
        });
      });
      await until("a snapshot", () => it.page.evaluate(() => globalThis.counted.current.fresh));
      await it.publish(10);
      await until("the count", () => it.page.evaluate(() => globalThis.counted.current.state.count === 10));
      const complaints = it.heard.errors.filter((error) => error.includes("reduce is not idempotent"));
      assert.equal(complaints.length, complains ? 2 : 0, "once for each name of an event");
    });
  }
});
