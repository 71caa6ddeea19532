// Planning poker while things fail: the relay is away, functions die at the worst moment, storage does not answer, the
// secret is wrong. What was answered ok stays, and what can be told is told once.
import assert from "node:assert/strict";
import test from "node:test";

import { FarStorage, ISSUE, listen, log, named, page, seated, startApp, until } from "./harness/forge.mjs";
import { middle } from "./harness/middle.mjs";
import { SECRET, startRelay } from "./harness/relay.mjs";
import { Storage } from "../../xtask/demo/forge/storage.mjs";

test("the relay is stopped in the middle of a round: votes and reveal are stored, queued, and delivered once it is back", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const [alice, bob, carol] = await seated(app, "alice", "bob", "carol");
  assert.equal((await alice("vote", { round: 1, card: "5" })).delivery, "published");
  await relay.stop();

  const votes = await Promise.all([bob("vote", { round: 1, card: "8" }), carol("vote", { round: 1, card: "8" })]);
  assert.deepEqual(votes, Array(2).fill({ ok: true, delivery: "queued" }));
  assert.deepEqual((await alice("loadBoard")).voted, { alice: 1, bob: 1, carol: 1 });
  const revealed = await alice("reveal", { round: 1 });
  assert.deepEqual([revealed.delivery, revealed.table.votes], ["queued", { alice: "5", bob: "8", carol: "8" }]);
  assert.deepEqual((await bob("loadBoard")).table, revealed.table);
  // Somebody comes meanwhile, and the app goes on.
  const [, late] = await seated(app, "carol", "alice");
  assert.equal((await late("applyEstimate", { round: 1, value: 8 })).delivery, "queued");
  assert.ok(app.queue.waiting >= 4);

  // Bob is there before the functions find it: whoever has no cursor hears what comes from now on.
  const back = await startRelay(t);
  const heard = await listen(t, back, bob);
  await middle(t, back.port, { at: relay.port });
  await until(() => app.queue.waiting === 0, 90);
  await until(() => heard.length >= 6);
  const once = ["estimate.applied", "person.joined", "person.joined", "vote.cast", "vote.cast", "votes.revealed"];
  assert.deepEqual(heard.map(({ event }) => event).sort(), once);
  assert.deepEqual(named(heard, "vote.cast").map(({ payload }) => payload.participantId).sort(), ["bob", "carol"]);
  assert.deepEqual(named(heard, "votes.revealed")[0].payload.table, revealed.table);
});

/** Runs `then` when a key like this one is written for the first time. */
class Watched extends Storage {
  constructor(pattern, then) {
    super();
    this.pattern = pattern;
    this.then = then;
  }

  answer(path, body) {
    const answer = super.answer(path, body);
    if (!path.endsWith("/set") || !this.pattern.test(body.key) || this.isDone) return answer;
    this.isDone = true;
    return this.then(answer);
  }
}

test("a function dies between writing a change and telling of it: whoever comes next tells, once", async (t) => {
  const relay = await startRelay(t);
  let ended;
  // The functions end where they stand, this one before it has its answer.
  const storage = new Watched(/^turn:10007:4$/, (answer) => {
    ended = first.stop();
    return answer;
  });
  const first = await startApp(t, relay, { storage });
  const [alice] = await seated(first, "alice", "bob");
  await alice("vote", { round: 1, card: "5" });
  await assert.rejects(alice("reveal", { round: 1 }), /the app is stopped/);
  await ended;
  assert.deepEqual(named(await log(relay), "votes.revealed"), []);
  assert.equal(storage.get(`table:${ISSUE}`).value.table.phase, "voting");

  const second = await startApp(t, relay, { storage });
  const bob = page(second, "bob");
  const heard = await listen(t, relay, bob);
  const boards = await Promise.all([bob("loadBoard"), bob("seen"), page(second, "alice")("reveal", { round: 1 }), bob("loadBoard")]);
  for (const { table } of [boards[0], boards[2], boards[3]]) assert.deepEqual([table.phase, table.votes], ["revealed", { alice: "5" }]);
  await bob("loadBoard");
  await bob("vote", { round: 2, card: "5" });
  assert.equal(storage.get(`table:${ISSUE}`).value.table.phase, "revealed");
  await until(() => heard.length > 0);
  assert.deepEqual([heard.length, named(await log(relay), "votes.revealed").length], [1, 1]);
});

test("it dies while the relay is away: told once both are back", async (t) => {
  const relay = await startRelay(t);
  let ended;
  const storage = new Watched(/^turn:10007:2$/, (answer) => {
    ended = first.stop();
    return answer;
  });
  const first = await startApp(t, relay, { storage });
  const [alice] = await seated(first, "alice");
  await relay.stop();
  await assert.rejects(alice("reveal", { round: 1 }));
  await ended;
  const second = await startApp(t, relay, { storage });
  const again = page(second, "alice");
  assert.equal((await again("loadBoard")).table.phase, "revealed");
  assert.deepEqual((await again("reveal", { round: 1 })).delivery, "queued");
  const back = await startRelay(t, { RELAY_BIND: `127.0.0.1:${relay.port}` });
  await again("seen");
  await again("seen");
  assert.deepEqual((await log(back)).map(({ event }) => event), ["votes.revealed"]);
});

test("a slow function cannot put an old table over a newer one", async (t) => {
  const relay = await startRelay(t);
  let go;
  const held = new Promise((resolve) => (go = resolve));
  class Holding extends Storage {
    async answer(path, body) {
      const isFirst = path.endsWith("/set") && body.key === `table:${ISSUE}` && body.value.table.phase === "revealed" && !this.isHeld;
      if (isFirst) {
        this.isHeld = true;
        await held;
      }
      return super.answer(path, body);
    }
  }
  const storage = new Holding();
  const app = await startApp(t, relay, { storage });
  const [alice] = await seated(app, "alice", "bob");
  const slow = alice("reveal", { round: 1 });
  await until(() => storage.isHeld);
  await alice("nextRound", { round: 1 });
  await page(app, "bob")("vote", { round: 2, card: "5" });
  go();
  assert.equal((await slow).ok, true);
  assert.deepEqual([storage.get(`table:${ISSUE}`).value.table.round, storage.get(`table:${ISSUE}`).value.voted], [2, { bob: 2 }]);
  assert.deepEqual(named(await log(relay), "round.started").length, 2);
});

test("an answer of the storage is lost: what was written counts, once", async (t) => {
  const relay = await startRelay(t);
  const lost = () => ({ status: 500, body: { code: "INTERNAL_SERVER_ERROR", message: "An internal server error has occurred" } });
  const storage = new Watched(/^turn:10007:2$/, lost);
  const app = await startApp(t, relay, { storage });
  const [alice] = await seated(app, "alice");
  assert.equal((await alice("reveal", { round: 1 })).delivery, "published");
  assert.equal(named(await log(relay), "votes.revealed").length, 1);
});

test("the storage does not take a vote: the page is told, and nobody else", async (t) => {
  const relay = await startRelay(t);
  class Full extends Storage {
    answer(path, body) {
      if (path.endsWith("/set") && body.key.startsWith("vote:")) return { status: 429, body: { code: "RATE_LIMIT_EXCEEDED", message: "Too many requests" } };
      return super.answer(path, body);
    }
  }
  const app = await startApp(t, relay, { storage: new Full() });
  const [alice] = await seated(app, "alice");
  const { ok, code, message } = await alice("vote", { round: 1, card: "13" });
  assert.deepEqual([ok, code, message], [false, "unavailable", "That did not work just now. Please try again."]);
  assert.deepEqual(named(await log(relay), "vote.cast"), []);
  assert.deepEqual((await alice("loadBoard")).voted, {});
});

test("many sit down and vote at the same time, with a storage that is far away", async (t) => {
  const relay = await startRelay(t);
  const accounts = Array.from({ length: 7 }, (_, index) => `person-${index}`);
  const people = accounts.map((accountId) => ({ accountId, name: accountId }));
  const issues = [{ id: ISSUE, key: "SHOP-7", summary: "", projectKey: "SHOP", boardId: 1, estimate: null }];
  const app = await startApp(t, relay, { storage: new FarStorage(), people, issues });
  const pages = accounts.map((account) => page(app, account));
  const joined = await Promise.all([...pages, ...pages].map((invoke) => invoke("joinTable")));
  assert.ok(joined.every(({ ok }) => ok));
  const board = await pages[0]("loadBoard");
  assert.deepEqual(Object.keys(board.people).sort(), accounts);
  const votes = await Promise.all(pages.map((invoke) => invoke("vote", { round: 1, card: "5" })));
  assert.ok(votes.every(({ ok }) => ok));
  const { table } = await pages[accounts.indexOf(board.table.host)]("reveal", { round: 1 });
  assert.deepEqual(Object.keys(table.votes).sort(), accounts);
  assert.equal(named(await log(relay), "round.started").length, 1);
});

test("a wrong secret: the table is kept, and the page is told that nobody was", async (t) => {
  const relay = await startRelay(t);
  const storage = new Storage();
  const wrong = await startApp(t, relay, { storage, variables: { RELAY_SECRET: `whsec_${Buffer.alloc(32).toString("base64")}` } });
  const [alice] = await seated(wrong, "alice");
  assert.deepEqual(await alice("vote", { round: 1, card: "13" }), { ok: true, delivery: "unheard" });
  assert.equal((await alice("reveal", { round: 1 })).delivery, "unheard");
  assert.deepEqual((await alice("loadBoard")).table.votes, { alice: "13" });
  await until(() => wrong.printed.some((line) => line.includes("nobody was told of votes.revealed")));
  assert.ok(!wrong.printed.join().includes(SECRET.slice(6)));

  const right = await startApp(t, relay, { storage });
  assert.equal((await page(right, "alice")("nextRound", { round: 1 })).delivery, "published");
});

test("without its variables the app says what is missing", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay, { variables: { RELAY_URL: "" } });
  const { code, message } = await page(app, "alice")("joinTable");
  assert.deepEqual([code, message], ["unavailable", "The app is not set up: its variable RELAY_URL is missing."]);
});

test("a relay that the manifest does not name cannot be reached from the functions", async (t) => {
  const [named, other] = [await startRelay(t), await startRelay(t)];
  const app = await startApp(t, named, { variables: { RELAY_URL: other.url } });
  const [alice] = await seated(app, "alice");
  assert.equal((await alice("vote", { round: 1, card: "5" })).delivery, "unheard");
  await until(() => app.printed.some((line) => line.includes("BLOCKED_EGRESS")));
  assert.deepEqual(await log(other), []);
});
