// examples/without-sdk, as it stands: each program in its language, with the packages that it pins, against a relay.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";

import { here, ran, tools } from "./harness/consumer.mjs";
import { middle } from "./harness/middle.mjs";
import { program, until } from "./harness/program.mjs";
import { python } from "./harness/python.mjs";
import { SECRET, startRelay } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

const example = join(here, "../../examples/without-sdk");
const pinned = Object.entries(JSON.parse(readFileSync(join(example, "package.json"), "utf8")).dependencies);

/** A copy, with its npm packages: those of tests/packages, which are the same. */
const folder = mkdtempSync(join(tmpdir(), "forge-relay-without-sdk-"));
after(() => rmSync(folder, { recursive: true, force: true }));
cpSync(example, folder, { recursive: true, filter: (file) => !file.endsWith("node_modules") });
mkdirSync(join(folder, "node_modules"));
for (const [name] of pinned) symlinkSync(join(tools, name), join(folder, "node_modules", name));

const LANGUAGES = [
  { language: "Node", runs: process.execPath, ending: "mjs" },
  { language: "Python", runs: python, ending: "py" },
];

/** A subscriber of the session, once it is there; `settings` are of its environment. */
async function subscriber(t, { runs, ending }, url, settings = {}) {
  const env = { RELAY_URL: url, RELAY_SECRET: SECRET, ...settings };
  const it = program(t, runs, [`subscribe.${ending}`, "poker-7", "alice"], { cwd: folder, env });
  await it.says("ready: 0 missed");
  return it;
}

const publisher = (t, { runs, ending }, url, ...words) =>
  program(t, runs, [`publish.${ending}`, ...words], { cwd: folder, env: { RELAY_URL: url, RELAY_SECRET: SECRET } });

/** Publishes events `from` to `to`, whose payloads are their numbers. */
async function publishRange(url, from, to) {
  const events = Array.from({ length: to - from + 1 }, (_, index) => ({ sessionId: "poker-7", event: "n", payload: from + index }));
  await new sdk.Relay({ url, secret: SECRET }).publishBatch(events);
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index} n ${from + index}`);

const nobody = (url) =>
  until("the relay to have no client", async () => /^connected_clients 0$/m.test(await (await fetch(`${url}/metrics`)).text()));

test("the packages that it pins are those it is tested with", async () => {
  for (const [name, version] of pinned) {
    assert.equal(JSON.parse(readFileSync(join(tools, name, "package.json"), "utf8")).version, version, name);
  }
  const { stdout } = await ran(python, ["-m", "pip", "freeze", "--disable-pip-version-check"]);
  const installed = stdout.split("\n");
  for (const line of readFileSync(join(example, "requirements.txt"), "utf8").trim().split("\n")) {
    assert.ok(installed.includes(line.replace(/\[.*\]/, "")), `${line} is not what tests/python/requirements.txt has`);
  }
});

for (const from of LANGUAGES) {
  for (const to of LANGUAGES) {
    test(`published by ${from.language}, received by ${to.language}`, async (t) => {
      const relay = await startRelay(t);
      const page = await subscriber(t, to, relay.url);
      const payload = { value: "5", text: "Grüße, 東京 \u{1f0cf}" };
      const published = publisher(t, from, relay.url, "poker-7", "vote.cast", JSON.stringify(payload));
      assert.equal(await published.ended(), 0, published.printed.stderr);
      const { seq, duplicate } = JSON.parse(published.printed.stdout);
      assert.deepEqual([seq, duplicate], [1, false]);
      await page.says("\n", "stdout");
      const [number, name, ...text] = page.lines()[0].split(" ");
      assert.deepEqual([number, name, JSON.parse(text.join(" "))], ["1", "vote.cast", payload]);
    });
  }
}

for (const it of LANGUAGES) {
  test(`${it.language}: whoever was away gets what was missed, in order and once`, async (t) => {
    const relay = await startRelay(t);
    const network = await middle(t, relay.port);
    const page = await subscriber(t, it, network.url);
    await publishRange(relay.url, 1, 3);
    await page.says("3 n 3\n", "stdout");
    network.cut();
    await nobody(relay.url);
    await publishRange(relay.url, 4, 60);
    assert.deepEqual(page.lines(), numbered(1, 3));
    network.restore();
    await page.says("ready: 57 missed");
    await publishRange(relay.url, 61, 61);
    await page.says("61 n 61\n", "stdout");
    assert.deepEqual(page.lines(), numbered(1, 61));
    assert.doesNotMatch(page.printed.stderr, /resync/);
  });

  test(`${it.language}: a relay that begins anew is told by a resync, and events go on`, async (t) => {
    const relay = await startRelay(t);
    const page = await subscriber(t, it, relay.url);
    await publishRange(relay.url, 1, 2);
    await page.says("2 n 2\n", "stdout");
    await relay.stop();
    const again = await startRelay(t, { RELAY_BIND: `127.0.0.1:${relay.port}` });
    await page.says("resync: epoch_changed");
    await publishRange(again.url, 1, 1);
    await until("the next event", () => page.lines().length === 3, () => page.printed.stderr);
    assert.deepEqual(page.lines(), [...numbered(1, 2), "1 n 1"]);
  });

  test(`${it.language}: the token is renewed on the open connection`, async (t) => {
    const relay = await startRelay(t, { RELAY_LIMITS_TOKEN_LEEWAY: "0s" });
    const page = await subscriber(t, it, relay.url, { TOKEN_SECONDS: "2" });
    await new Promise((done) => setTimeout(done, 5000)); // two lives of a token
    await publishRange(relay.url, 1, 1);
    await page.says("1 n 1\n", "stdout");
    assert.equal(page.printed.stderr, "ready: 0 missed\n");
  });

  test(`${it.language}: a subscriber that is refused for good says why and ends`, async (t) => {
    const relay = await startRelay(t);
    const env = { RELAY_URL: relay.url, RELAY_SECRET: `whsec_${"A".repeat(43)}=` };
    const page = program(t, it.runs, [`subscribe.${it.ending}`, "poker-7", "alice"], { cwd: folder, env });
    assert.equal(await page.ended(), 1);
    assert.match(page.printed.stderr, /^token_invalid: the token is not valid.*\n$/);
  });

  test(`${it.language}: a publisher tries again until it has a receipt, and its event is in the log once`, async (t) => {
    const relay = await startRelay(t);
    const network = await middle(t, relay.port);
    const log = async () => {
      const page = await fetch(`${relay.url}/sessions/poker-7/events`, { headers: { authorization: `Bearer ${SECRET}` } });
      return (await page.json()).events.map(({ payload }) => payload);
    };
    network.deafen(); // the event arrives, the receipt does not
    const published = publisher(t, it, network.url, "poker-7", "n", "1");
    await until("the event to be in the log", async () => (await log()).length > 0);
    network.cut();
    await new Promise((done) => setTimeout(done, 1500));
    assert.equal(published.child.exitCode, null, published.printed.stderr);
    network.restore();
    assert.equal(await published.ended(), 0, published.printed.stderr);
    assert.equal(JSON.parse(published.printed.stdout).duplicate, true);
    assert.deepEqual(await log(), [1]);
  });

  test(`${it.language}: a publisher that is refused for good says why and ends`, async (t) => {
    const relay = await startRelay(t);
    const published = publisher(t, it, relay.url, "poker-7", "relay.mine", "1");
    assert.equal(await published.ended(), 1);
    assert.match(published.printed.stderr, /^{.*"code":"invalid".*}\n$/);
  });
}
