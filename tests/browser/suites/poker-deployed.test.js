// Planning poker under the header that its own manifest makes, with the relay behind https and wss.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { launch, watch } from "../harness/chromium.js";
import { ADDRESS, DeployedApp } from "../harness/forge-app.js";
import { until } from "../harness/until.js";

describe("planning poker, deployed", { timeout: 120_000 }, () => {
  test("its page runs under the manifest's header: live over wss, without a violation or an error", async (t) => {
    const it = await DeployedApp.start(t);
    const { host } = new URL(ADDRESS);
    const browser = await launch([`--host-resolver-rules=MAP ${host}:443 127.0.0.1:${it.tls}`]);
    t.after(() => browser.close());
    const context = await browser.newContext({ ignoreHTTPSErrors: true });

    const pages = {};
    for (const name of ["alice", "bob"]) {
      const page = await it.open(context, name);
      pages[name] = { page, heard: watch(page) };
      const answer = await page.goto(await it.panes.open());
      const policy = answer.headers()["content-security-policy"];
      for (const address of [ADDRESS, ADDRESS.replace("https", "wss")]) assert.ok(policy.includes(` ${address}`), policy);
    }
    const status = (name) => pages[name].page.getByTestId("status").getAttribute("data-status");
    for (const name of Object.keys(pages)) await until(`${name} is live`, async () => (await status(name)) === "live");
    assert.ok(pages.alice.heard.sockets.some((socket) => socket.url().startsWith(ADDRESS.replace("https", "wss"))));

    await pages.bob.page.locator('label:has([data-testid="card-8"])').click();
    const seen = pages.alice.page.getByTestId("person-bob");
    await until("Bob's vote on Alice's page", async () => (await seen.getAttribute("data-voted")) === "true");
    await pages.alice.page.getByTestId("reveal").click();
    for (const { page } of Object.values(pages)) {
      await until("an open card", async () => (await page.getByTestId("person-bob").getAttribute("data-card")) === "8");
    }
    for (const { heard } of Object.values(pages)) {
      assert.deepEqual(heard.violations, []);
      assert.deepEqual(heard.errors, []);
    }
  });
});
