// sdk-core's golden vectors in a browser, in both forms of the core, from the files that Rust reads. And what the forms
// export: nothing that takes a secret.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { App } from "../harness/app.js";
import { launch } from "../harness/chromium.js";
import { PAGES, VECTORS } from "../harness/paths.js";

const FORMS = { WebAssembly: "wasm", JavaScript: "js" };
const vectors = async (name) => JSON.parse(await readFile(path.join(VECTORS, name), "utf8"));

describe("the core in a browser", () => {
  let [app, chromium, page] = [];
  before(async () => {
    // The package as it is installed: its files, not a bundler's.
    app = await App.start(undefined, path.join(PAGES, "plain", "node_modules", "@forge-relay", "client", "dist"));
    chromium = await launch();
    page = await chromium.newPage();
    await page.route(`${app.url}/`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
    await page.goto(`${app.url}/`);
  });
  after(async () => {
    await chromium?.close();
    app?.stop();
  });

  for (const [name, form] of Object.entries(FORMS)) {
    /** Runs `check(core, argument)` in the page. */
    const inPage = (check, argument) =>
      page.evaluate(
        async ([source, form, given]) => {
          const core = await (await import(`/core/${form}.js`)).load();
          return new Function("core", "given", `return (${source})(core, given)`)(core, given);
        },
        [String(check), form, argument],
      );

    test(`${name}: cursors`, async () => {
      const { valid, invalid } = await vectors("cursors.json");
      const taken = await inPage(
        (core, texts) =>
          texts.map((text) => {
            const parts = core.parseCursor(text);
            return parts === undefined ? null : { text, epoch: parts.epoch, seq: parts.seq };
          }),
        [...valid.map(({ text }) => text), ...invalid],
      );
      assert.ok(valid.length > 0 && invalid.length > 0);
      assert.deepEqual(taken.slice(0, valid.length), valid);
      assert.deepEqual(taken.slice(valid.length), invalid.map(() => null));
    });

    test(`${name}: which of two cursors comes first`, async () => {
      const { valid, invalid } = await vectors("cursors.json");
      const texts = [...valid.map(({ text }) => text), "0000000000000001-0", "0000000000000001-2"];
      const pairs = texts.flatMap((one) => [...texts, invalid[0]].map((other) => [one, other]));
      const answers = await inPage((core, pairs) => pairs.map(([one, other]) => core.isAtOrBefore(one, other)), pairs);
      const expected = pairs.map(([one, other]) => {
        const [a, b] = [one.split("-"), other.split("-")];
        return a[0] === b[0] && Number(a[1]) <= Number(b[1]);
      });
      assert.deepEqual(answers, expected);
    });

    test(`${name}: the state machine of a subscription`, async () => {
      const { scripts } = await vectors("subscription.json");
      assert.ok(scripts.length > 0);
      const played = await inPage(
        (core, scripts) =>
          scripts.map(({ seed, transports, cursor, steps }) => {
            const subscription = new core.Subscription(seed, transports.join(","), cursor);
            return steps.map(({ at, call }) => {
              const [method, ...rest] = call;
              const answer = subscription[method](at, ...rest);
              const actions = [];
              for (let next; (next = subscription.nextAction()) !== undefined; ) actions.push(JSON.parse(next));
              const { wakeAt = null, cursor = null } = subscription;
              return { at, call, ...(method === "event" ? { deliver: answer } : {}), wakeAt, cursor, actions };
            });
          }),
        scripts,
      );
      for (const [at, { name, steps }] of scripts.entries()) {
        for (const [step, expected] of steps.entries()) assert.deepEqual(played[at][step], expected, `${name}, step ${step}`);
      }
    });

    test(`${name}: exports nothing that takes a secret`, async () => {
      const exported = await inPage((core) => {
        const members = (object) => Object.getOwnPropertyNames(object).filter((name) => !name.startsWith("__"));
        const entry = (name) => (core[name]?.prototype === undefined ? [name] : [name, ...members(core[name].prototype).map((member) => `${name}.${member}`)]);
        return Object.keys(core).filter((name) => !name.startsWith("__")).flatMap(entry).sort();
      });
      for (const known of ["Subscription.token", "parseCursor", "isAtOrBefore"]) assert.ok(exported.includes(known), String(exported));
      const suspects = exported.filter((name) => /secret|key|sign|mint|verify|hmac|publish/i.test(name));
      assert.deepEqual(suspects, []);
    });
  }
});
