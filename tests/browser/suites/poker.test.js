// Planning poker through the demo, as people play it: three pages, and everything that can happen to their networks.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { violations } from "../harness/axe.js";
import { launch } from "../harness/chromium.js";
import { Demo } from "../harness/demo.js";
import { SCREENSHOTS } from "../harness/paths.js";
import { until } from "../harness/until.js";

const WIDE = { width: 1600, height: 1000 };

/** What a pane may show of a person's card. */
const hidden = { voted: "true", card: undefined };

describe("planning poker", { concurrency: 2, timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await launch();
    await mkdir(SCREENSHOTS, { recursive: true });
  });
  after(() => browser?.close());

  /** The demo, open in a window, with everybody at the table. */
  async function table(t, options = {}) {
    const demo = await Demo.start(t);
    const context = await browser.newContext({ viewport: WIDE, ...options });
    t.after(() => context.close());
    await demo.open(t, context);
    const people = ["alice", "bob", "carol"].map((name) => demo.person(name));
    for (const each of people) await each.live();
    for (const each of people) await each.until("everybody is seen", ({ people }) => Object.keys(people).length === 3);
    return { demo, people, page: demo.page, picture: (name) => demo.page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) }) };
  }

  test("a round with three people: a network cut, WebSockets blocked, a token ended, the relay restarted and stopped", async (t) => {
    const { demo, people, page, picture } = await table(t);
    const [alice, bob, carol] = people;
    const everybody = (what, check) => Promise.all(people.map((each) => each.until(what, check)));

    // Votes are seen, and not what they are.
    await alice.vote("5");
    await bob.vote("8");
    await everybody("two have voted", ({ people }) => people["person-alice"].voted === "true" && people["person-bob"].voted === "true");
    for (const each of people) assert.deepEqual((await each.table()).people["person-bob"], hidden);
    await picture("voting");

    // Carol's network is cut. The others go on; she comes back to all of it.
    await carol.toggle("cut");
    await carol.until("cut off", ({ status }) => status === "offline");
    await bob.vote("3");
    await alice.press("reveal");
    for (const each of [alice, bob]) await each.until("the cards are open", ({ phase, people }) => phase === "revealed" && people["person-bob"].card === "3");
    assert.equal((await carol.table()).phase, "voting");
    await picture("cut");
    await carol.toggle("cut");
    await carol.until("what she missed", ({ status, phase, people }) => status === "live" && phase === "revealed" && people["person-bob"].card === "3");

    // The estimate is on the issue.
    await alice.at("estimate-value").selectOption("5");
    await alice.press("apply");
    await everybody("the estimate", ({ phase }) => phase === "estimated");
    await until("the issue's estimate", async () => (await page.getByTestId("issue-estimate").textContent()) === "5");
    await picture("estimated");

    // Bob's WebSockets are blocked: the next round reaches him over plain HTTP.
    await bob.toggle("block");
    await until("another transport", async () => (await page.getByTestId("transport-bob").getAttribute("data-transport")) === "sse");
    await alice.press("next-round");
    await everybody("round 2", ({ phase, round }) => phase === "voting" && round === "2");

    // The relay loses its memory in the middle of the round, and no vote is lost.
    await alice.vote("13");
    await bob.vote("13");
    await everybody("both votes", ({ people }) => people["person-alice"].voted === "true" && people["person-bob"].voted === "true");
    await page.getByTestId("restart-relay").click();
    await until("a relay that runs again", async () => (await page.getByTestId("relay-state").getAttribute("data-state")) === "running");
    await everybody("back after the restart", ({ status, people }) => status === "live" && people["person-alice"].voted === "true" && people["person-bob"].voted === "true");
    await bob.toggle("block");

    // Carol's token ends, for her page gets no other.
    await carol.toggle("hold");
    await carol.until("shut out", ({ status }) => status === "offline");
    await alice.vote("21");
    await alice.until("her own vote", ({ people }) => people["person-alice"].voted === "true");
    await carol.live();

    // The relay is away for a while: one votes and reveals all the same, and others hear of it when it is back.
    await page.getByTestId("stop-relay").click();
    await until("a relay that stands still", async () => (await page.getByTestId("relay-state").getAttribute("data-state")) === "stopped");
    await carol.vote("13");
    await until("an event in the outbox", async () => (await page.getByTestId("outbox").getAttribute("data-waits")) !== null);
    await picture("stopped");
    await alice.press("reveal");
    await alice.until("the cards are open", ({ phase }) => phase === "revealed");
    await page.getByTestId("start-relay").click();
    const [first, ...others] = await everybody("the same end", ({ status, phase, people }) => status === "live" && phase === "revealed" && people["person-carol"].card === "13");
    assert.deepEqual(first.people, { "person-alice": { voted: "true", card: "21" }, "person-bob": { voted: "true", card: "13" }, "person-carol": { voted: "true", card: "13" } });
    for (const other of others) assert.deepEqual(other, first);
    await until("an empty outbox", async () => (await page.getByTestId("outbox").getAttribute("data-waits")) === null);

    assert.deepEqual(demo.complaints, []);
    assert.deepEqual(demo.heard.violations, []);
  });

  test("two tabs of one person, a double click, somebody late, and a host who leaves", async (t) => {
    const { demo, people, page } = await table(t);
    const [alice, bob] = people;

    // Both of Bob's tabs know his card; nobody else's page does.
    await page.getByTestId("tab-bob").click();
    const second = demo.person("bob-2");
    await second.live();
    await bob.vote("8");
    await until("his card in the other tab", () => second.at("card-8").isChecked());
    assert.equal(await alice.at("card-8").isChecked(), false);

    // Two clicks are one reveal.
    await alice.at("reveal").dblclick();
    for (const each of [...people, second]) await each.until("the cards are open", ({ phase }) => phase === "revealed");
    const reveals = page.locator('[data-testid^="event-"]', { hasText: "votes.revealed" });
    assert.equal(await reveals.count(), 1);

    // Somebody late finds everything as it is.
    await page.getByTestId("add-person").click();
    const late = await until("a fourth pane", async () => {
      const panes = await page.locator('iframe[data-testid^="pane-"]').evaluateAll((all) => all.map(({ dataset }) => dataset.testid.slice("pane-".length)));
      return panes.find((name) => !["alice", "bob", "bob-2", "carol"].includes(name));
    });
    await demo.person(late).until("the table as it is", ({ phase, people }) => phase === "revealed" && people["person-bob"]?.card === "8");
    assert.deepEqual(demo.complaints, []);

    // The host's page is gone: after a minute without it, another takes the chair.
    await alice.toggle("cut");
    await bob.at("take-over").click({ timeout: 120_000 });
    await bob.press("next-round");
    for (const each of people.slice(1)) await each.until("round 2", ({ round }) => round === "2");
    await alice.toggle("cut");
    await alice.until("what she missed", ({ status, round }) => status === "live" && round === "2");
    assert.equal(await alice.at("reveal").count(), 0, "the chair is Bob's");
  });

  test("it is for everybody: axe finds nothing, in light and dark, wide and at 320 px, and nothing jumps", async (t) => {
    // What is looked at is where a change ends, and not a colour on its way there.
    const { demo, people, page, picture } = await table(t, { reducedMotion: "reduce" });
    const [alice, bob] = people;
    const frames = () => page.frames().filter((frame) => frame.parentFrame() !== null);
    const audit = async (what) => {
      for (const frame of [page.mainFrame(), frames()[0], frames()[1]]) assert.deepEqual(await violations(frame), [], what);
    };
    const fits = async (what) => {
      for (const frame of page.frames()) {
        const [content, window] = await frame.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= window, `${what}: ${content} px of content in ${window}`);
      }
    };
    const boxes = async () => {
      const all = {};
      for (const id of ["status", "phase", "deck", "person-alice", "person-bob", "person-carol"]) {
        const { x, y, width, height } = await bob.at(id).boundingBox();
        // The status' words are of different length, and end at the same place.
        all[id] = (id === "status" ? [x + width, y, height] : [x, y, width, height]).map(Math.round);
      }
      return all;
    };

    await audit("at the start");
    const still = await boxes();
    await bob.vote("5");
    await alice.vote("8");
    await bob.until("two votes", ({ people }) => people["person-alice"].voted === "true" && people["person-bob"].voted === "true");
    assert.deepEqual(await boxes(), still, "after the votes");
    await alice.press("reveal");
    await bob.until("the cards are open", ({ phase }) => phase === "revealed");
    assert.deepEqual(await boxes(), still, "after the reveal");
    await audit("with open cards");
    await bob.toggle("cut");
    await bob.until("cut off", ({ status }) => status === "offline");
    assert.deepEqual(await boxes(), still, "without a network");
    await audit("without a network");
    await bob.toggle("cut");
    await bob.live();

    await page.getByTestId("theme").click();
    await until("a dark pane", () => frames()[0].evaluate(() => document.documentElement.dataset.colorMode === "dark"));
    await audit("in the dark");
    await picture("dark");
    for (const mode of ["dark", "light"]) {
      await page.setViewportSize({ width: 320, height: 800 });
      await fits(`${mode}, 320 px`);
      await audit(`${mode}, 320 px`);
      await page.screenshot({ path: path.join(SCREENSHOTS, `narrow-${mode}.png`), fullPage: true });
      await page.getByTestId("theme").click();
    }
    assert.deepEqual(demo.complaints, []);
  });

  test("Ctrl-C ends all of it", async (t) => {
    const demo = await Demo.start(t);
    assert.equal(await demo.stop(), 0);
    await assert.rejects(fetch(demo.url));
  });
});
