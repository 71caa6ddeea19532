// The hooks, in the React versions that apps have, in StrictMode and in development builds, which mount everything twice.

import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";

import { browser, TOGETHER } from "../harness/browser.js";
import { PAGES } from "../harness/paths.js";
import { until } from "../harness/until.js";

for (const version of ["18", "19"]) {
  const pages = `react-${version}`;

  describe(`React ${version}`, TOGETHER, () => {
    const world = browser();
    const open = (t) => world(t, { pages, page: "/react.html" });
    const mount = (it, id) => it.page.evaluate((properties) => globalThis.kit.mount(properties), { url: it.proxy.url, id });
    const text = (it, wanted) => until(`the text ${wanted}`, async (seen) => {
      const text = await it.page.textContent("#root");
      seen(text);
      return text === wanted;
    });

    /** Nothing that was shown is of another session, or goes back. */
    async function consistent(it) {
      const shown = await it.page.evaluate(() => globalThis.kit.shown);
      let before;
      for (const now of shown) {
        if (now.state !== undefined) assert.equal(now.state.of, now.id, JSON.stringify(now));
        for (let n = Math.max((now.state?.last ?? 0) - 6, 1); n <= now.state?.last; n += 1) assert.equal(now.state.cells[`c${n % 7}`], n);
        if (before?.id === now.id && before.state !== undefined) assert.ok(now.state?.last >= before.state.last, "it went back");
        before = now;
      }
      return shown;
    }

    test("StrictMode mounts twice and has one connection; unmounting leaves none", async (t) => {
      const it = await open(t);
      assert.match(await it.page.evaluate(() => globalThis.kit.version), new RegExp(`^${version}\\.`));
      await mount(it, it.session);
      await text(it, `${it.session} live 0`);
      await until("one connection", async () => (await it.relay.clients()) === 1);
      await it.publish(200, { size: 10 });
      await text(it, `${it.session} live 200`);
      assert.ok((await consistent(it)).at(-1).fresh);
      assert.equal(await it.relay.clients(), 1);
      await it.page.evaluate(() => globalThis.kit.unmount());
      await it.relay.noClients();
      for (let time = 0; time < 5; time += 1) {
        await mount(it, it.session);
        await it.page.evaluate(() => globalThis.kit.unmount());
      }
      await mount(it, it.session);
      await text(it, `${it.session} live 200`);
      await it.publish(10);
      await text(it, `${it.session} live 210`);
      await until("one connection", async () => (await it.relay.clients()) === 1);
      await it.page.evaluate(() => globalThis.kit.unmount());
      await it.relay.noClients();
      assert.deepEqual(it.heard.errors, []);
    });

    test("another id opens another session, and never is the state of the one shown under the name of the other", async (t) => {
      const it = await open(t);
      await it.publish(5);
      await it.app.publish("xyz-789", 30);
      await mount(it, it.session);
      await text(it, `${it.session} live 5`);
      await mount(it, "xyz-789");
      await text(it, "xyz-789 live 30");
      await it.publish(5);
      await it.app.publish("xyz-789", 5);
      await text(it, "xyz-789 live 35");
      for (let time = 0; time < 6; time += 1) await mount(it, time % 2 === 0 ? it.session : "xyz-789");
      await mount(it, it.session);
      await text(it, `${it.session} live 10`);
      await consistent(it);
      await until("one connection", async () => (await it.relay.clients()) === 1);
      assert.deepEqual(it.heard.errors, []);
    });

    test("a render with the same options and new functions keeps the session", async (t) => {
      const it = await open(t);
      await mount(it, it.session);
      await text(it, `${it.session} live 0`);
      const { tokens, snapshots } = { ...it.app.asked };
      for (let time = 0; time < 20; time += 1) await mount(it, it.session);
      await it.publish(20);
      await text(it, `${it.session} live 20`);
      assert.deepEqual(it.app.asked, { tokens, snapshots });
      await consistent(it);
    });

    test("a relay that is killed and started again under a mounted component", async (t) => {
      const it = await open(t);
      await mount(it, it.session);
      await text(it, `${it.session} live 0`);
      await it.publish(100);
      await text(it, `${it.session} live 100`);
      await it.relay.kill();
      await text(it, `${it.session} offline 100`);
      await it.relay.start();
      await it.publish(100);
      await text(it, `${it.session} live 200`);
      await consistent(it);
    });

    test("renders where there is no browser", async (t) => {
      const complaints = t.mock.method(console, "error", () => {});
      const server = await import(pathToFileURL(path.join(PAGES, pages, "server.js")));
      assert.match(server.version, new RegExp(`^${version}\\.`));
      const html = server.render({ url: "https://relay.example.com", id: "abc-123" });
      assert.match(html, /abc-123 connecting -/);
      assert.equal(complaints.mock.callCount(), 0);
    });
  });
}
