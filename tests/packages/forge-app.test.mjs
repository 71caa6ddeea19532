// examples/planning-poker as a Forge app: its manifest before Atlassian's validator, its functions as Atlassian's bundler
// made them, called by pages that play a round, and by pages that cheat.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { ran, tools } from "./harness/consumer.mjs";
import { CLOUD, FarStorage, ISSUE, built, listen, log, manifestFor, named, page, seated, session, shared, startApp, until } from "./harness/forge.mjs";
import { SECRET, startRelay } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

test("the manifest has neither errors nor warnings", async () => {
  const program = `
    const { ProcessorBuilder, ValidationTypes } = require(${JSON.stringify(join(tools, "@forge/manifest"))});
    ProcessorBuilder.instance().withValidation(ValidationTypes.FULL).build().process("manifest.yml")
      .then(({ success, errors }) => process.stdout.write(JSON.stringify({ success, errors })));`;
  const { stdout } = await ran(process.execPath, ["-e", program], { cwd: built });
  assert.deepEqual(JSON.parse(stdout), { success: true, errors: [] });
});

test("the bundle is one file, and has nothing of the person who built it", () => {
  const files = readdirSync(join(built, "bundle"), { recursive: true });
  assert.deepEqual(files.sort(), ["index.cjs", "index.cjs.map"]);
  assert.ok(!readFileSync(join(built, "bundle/index.cjs"), "utf8").includes(built));
});

test("the page's header lets it reach the relay both ways, and run no code but its own", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const { "content-security-policy": policy } = app.pageHeaders(readFileSync(join(built, "ui/dist/index.html"), "utf8"));
  const directives = new Map(policy.split("; ").map((directive) => [directive.split(" ")[0], directive.split(" ").slice(1)]));
  for (const address of [relay.url, "wss://relay.example.com"]) assert.ok(directives.get("connect-src").includes(address), address);
  assert.ok(directives.get("frame-ancestors").includes("127.0.0.1:1"));
  assert.ok(!policy.includes("unsafe-") && !directives.has("report-uri"), policy);
});

test("a round: everybody hears of everything once, and nobody of a card before the reveal", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const { reduce } = await shared(t);
  const answers = [];
  const people = await seated(app, "alice", "bob", "carol");
  const [alice, bob, carol] = people.map((invoke) => async (key, payload) => {
    const answer = await invoke(key, payload);
    answers.push(answer);
    return answer;
  });
  const before = await bob("loadBoard");
  const heard = await listen(t, relay, bob);
  assert.deepEqual(before.table, { version: 1, round: 1, phase: "voting", host: "alice", votes: {}, estimate: null });
  assert.deepEqual(Object.values(before.people).map(({ name }) => name).sort(), ["Alice", "Bob", "Carol"]);

  assert.deepEqual(await alice("vote", { round: 1, card: "13" }), { ok: true, delivery: "published" });
  await bob("vote", { round: 1, card: "5" });
  await bob("vote", { round: 1, card: "21" });
  await until(() => named(heard, "vote.cast").length === 3);
  assert.deepEqual((await carol("loadBoard")).voted, { alice: 1, bob: 1 });
  const now = Date.now();
  const { people: seen } = await carol("seen");
  assert.deepEqual([seen.carol.seenAt >= now, Object.keys(seen).sort()], [true, ["alice", "bob", "carol"]]);
  const said = [...leavesOf(answers), ...leavesOf(await log(relay)), ...app.printed];
  for (const card of ["13", "21", 13, 21]) assert.ok(!said.includes(card), `${card} has left the storage`);

  // A double click.
  const [first, second] = await Promise.all([alice("reveal", { round: 1 }), alice("reveal", { round: 1 })]);
  assert.deepEqual(first.table, second.table);
  assert.deepEqual(first.table.votes, { alice: "13", bob: "21" });
  assert.equal((await alice("reveal", { round: 1 })).ok, true);
  const late = await carol("vote", { round: 1, card: "3" });
  assert.deepEqual([late.ok, late.code, late.message], [false, "outdated", "The cards were already open."]);

  assert.equal((await alice("applyEstimate", { round: 1, value: 13 })).table.estimate, 13);
  assert.equal(app.jira.issue(ISSUE).estimate, 13);
  const [next, again] = await Promise.all([alice("nextRound", { round: 1 }), alice("nextRound", { round: 1 })]);
  assert.deepEqual(next.table, again.table);
  assert.deepEqual([next.table.round, next.table.phase, next.table.votes, next.table.estimate], [2, "voting", {}, null]);
  assert.deepEqual((await carol("vote", { round: 1, card: "3" })).code, "outdated");
  assert.deepEqual((await carol("vote", { round: 3, card: "3" })).code, "outdated");
  assert.equal((await carol("vote", { round: 2, card: "3" })).ok, true);

  const wanted = ["vote.cast", "vote.cast", "vote.cast", "votes.revealed", "estimate.applied", "round.started", "vote.cast"];
  await until(() => heard.length >= wanted.length);
  assert.deepEqual(heard.map(({ event }) => event), wanted);
  assert.deepEqual(named(heard, "vote.cast")[0].payload.issueKey, "SHOP-7");
  // What a page makes of the events is what the storage says.
  const { table, voted } = heard.reduce(reduce, before);
  const stored = await alice("loadBoard");
  assert.deepEqual([table, voted], [stored.table, stored.voted]);
});

test("whoever was answered ok is in the reveal with their card, however close it was", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay, { storage: new FarStorage() });
  const accounts = ["alice", "bob", "carol"];
  const pages = await seated(app, ...accounts);
  const ROUNDS = 20;
  let [counted, tooLate] = [0, 0];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const cards = accounts.map((_, index) => ["1", "2", "3"][(round + index) % 3]);
    // In every other round they change their minds, which is the harder case.
    if (round % 2 === 0) await Promise.all(pages.map((invoke) => invoke("vote", { round, card: "8" })));
    const votes = pages.map(async (invoke, index) => {
      await pause(Math.random() * 30);
      return invoke("vote", { round, card: cards[index] });
    });
    await pause(Math.random() * 60);
    const [{ table }, again] = await Promise.all([pages[0]("reveal", { round }), pages[0]("reveal", { round })]);
    assert.deepEqual(again.table, table);
    for (const [index, vote] of (await Promise.all(votes)).entries()) {
      const inTable = table.votes[accounts[index]];
      if (vote.ok) assert.equal(inTable, cards[index], `round ${round}`);
      else assert.ok([undefined, "8"].includes(inTable), `round ${round}: ${JSON.stringify(vote)}, and yet ${inTable} counts`);
      if (vote.ok) counted += 1;
      else tooLate += 1;
    }
    await pages[0]("nextRound", { round });
  }
  assert.ok(counted > 10 && tooLate > 10, `${counted} in time, ${tooLate} too late: that tried nothing`);
  assert.equal(named(await log(relay), "votes.revealed").length, ROUNDS);
});

test("who takes the host's chair must wait until the host has gone", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const [alice, bob, carol] = await seated(app, "alice", "bob", "carol");
  const heard = await listen(t, relay, bob);
  assert.deepEqual(await bob("takeOver", { host: "alice" }), { ok: false, code: "outdated", message: "Alice is here." });
  assert.equal((await bob("reveal", { round: 1 })).code, "not_host");

  const key = `seat:${ISSUE}:alice`;
  const { value } = app.storage.get(key);
  app.storage.set(key, { ...value, seenAt: Date.now() - 61_000 });
  const [bobs, carols] = await Promise.all([bob("takeOver", { host: "alice" }), carol("takeOver", { host: "alice" })]);
  const { host } = (await alice("loadBoard")).table;
  const [winner, loser] = host === "bob" ? [bobs, carols] : [carols, bobs];
  assert.deepEqual([winner.ok, winner.table.host, loser.ok, loser.code], [true, host, false, "outdated"]);
  await until(() => named(heard, "host.changed").length === 1);
  assert.equal((await alice("nextRound", { round: 1 })).code, "not_host");
  assert.equal((await alice("seen")).ok, true);
});

test("Jira's refusals are told in its own words, and change nothing", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const [alice] = await seated(app, "alice");
  assert.equal((await alice("applyEstimate", { round: 1, value: 5 })).code, "outdated");
  await alice("reveal", { round: 1 });
  app.jira.issue(ISSUE).editors = ["bob"];
  const message = "Jira did not take the estimate: You do not have permission to edit this issue.";
  assert.deepEqual(await alice("applyEstimate", { round: 1, value: 5 }), { ok: false, code: "jira_refused", message });
  assert.deepEqual([app.jira.issue(ISSUE).estimate, (await alice("loadBoard")).table.phase], [null, "revealed"]);

  const ops = page(app, "alice", "20001");
  await ops("joinTable");
  await ops("reveal", { round: 1 });
  const boardless = await ops("applyEstimate", { round: 1, value: 5 });
  assert.deepEqual([boardless.code, boardless.message], ["jira_refused", "This issue's project has no board, and so no field for estimates."]);
  const events = [...(await log(relay)), ...(await log(relay, session("20001")))];
  assert.deepEqual(named(events, "estimate.applied"), []);
});

test("whom Jira does not show the issue gets no seat, no token and no board", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  await seated(app, "alice");
  // An issue in the page's context is made up as easily as this one.
  const mallory = page(app, "mallory");
  const calls = [["seen"], ["vote", { round: 1, card: "5" }], ["reveal", { round: 1 }], ["nextRound", { round: 1 }], ["applyEstimate", { round: 1, value: 1 }], ["takeOver", { host: "alice" }]];
  for (const [key, payload] of [["joinTable"], ...calls]) assert.equal((await mallory(key, payload)).code, "not_here", key);
  for (const key of ["getToken", "loadBoard"]) await assert.rejects(mallory(key), /You do not sit at this table/);
  // A seat at one table is none at another; nor is a word for it in what a page sends.
  const elsewhere = page(app, "mallory", "10008");
  assert.equal((await elsewhere("joinTable")).ok, true);
  const forged = { round: 1, card: "5", issueId: ISSUE, accountId: "alice", context: { accountId: "alice", extension: { issue: { id: ISSUE } } } };
  for (const key of ["joinTable", "vote", "seen"]) await elsewhere(key, forged);
  const claims = new sdk.Relay({ url: relay.url, secret: SECRET }).verifyToken((await elsewhere("getToken", forged)).token);
  assert.deepEqual([claims.sub, claims.sessionId], ["mallory", session("10008")]);
  assert.deepEqual(Object.keys((await page(app, "alice")("loadBoard")).voted), []);
  for (const issueId of ["SHOP-7", "1:alice", "10007:x", "", "0", undefined]) {
    assert.equal((await page(app, "mallory", issueId)("joinTable")).code, "not_here", String(issueId));
  }
});

test("a seat is good for an hour; then Jira is asked again", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const [, bob] = await seated(app, "alice", "bob");
  const key = `seat:${ISSUE}:bob`;
  const { value } = app.storage.get(key);
  app.jira.issue(ISSUE).viewers = ["alice"];
  await bob("getToken");
  app.storage.set(key, { ...value, allowedAt: Date.now() - 61 * 60_000 });
  await assert.rejects(bob("getToken"), /You may not see this issue/);
  assert.equal((await bob("seen")).code, "not_here");
  app.jira.issue(ISSUE).viewers = undefined;
  assert.equal((await bob("joinTable")).ok, true);
});

test("anything that is not what a page of ours sends is refused, and stores nothing", async (t) => {
  const relay = await startRelay(t);
  const app = await startApp(t, relay);
  const [alice] = await seated(app, "alice");
  const odd = [null, true, 0, 1.5, -1, 1e21, "1", "", "x".repeat(1_000), [], ["5"], {}, { toString: "5" }];
  const payloads = {
    vote: [{}, [], ...odd.flatMap((value) => [{ round: value, card: "5" }, { round: 1, card: value }]), { round: 1, card: "4" }, { round: 1, card: "5 " }, { round: 1, card: 5 }, { round: 1, card: "__proto__" }].filter(({ card }) => card !== "1"),
    reveal: odd.map((round) => ({ round })),
    nextRound: odd.map((round) => ({ round })),
    applyEstimate: odd.flatMap((value) => [{ round: value, value: 5 }, { round: 1, value }]).filter(({ round, value }) => round !== 1 || typeof value !== "number" || value < 0 || value > 1_000),
    takeOver: odd.filter((host) => typeof host !== "string" || host === "").map((host) => ({ host })),
  };
  for (const [key, all] of Object.entries(payloads)) {
    for (const payload of all) assert.equal((await alice(key, payload)).code, "bad_request", `${key} ${JSON.stringify(payload)}`);
  }
  const { table, voted } = await alice("loadBoard");
  assert.deepEqual([table.version, voted], [1, {}]);
  assert.deepEqual((await log(relay)).map(({ event }) => event), ["round.started", "person.joined"]);
  await assert.rejects(alice("drop"), /Resolver has no definition for 'drop'/);
});

test("two sites with the same issue number have nothing in common", async (t) => {
  const relay = await startRelay(t);
  const other = "99999999-2222-4333-8444-555555555555";
  const [here, there] = [await startApp(t, relay), await startApp(t, relay, { site: { cloudId: other, host: "127.0.0.1:2" } })];
  const [alice] = await seated(here, "alice");
  const [bob] = await seated(there, "bob");
  assert.notEqual(session(ISSUE, CLOUD), session(ISSUE, other));
  const heard = await listen(t, relay, alice);
  await bob("vote", { round: 1, card: "5" });
  await alice("vote", { round: 1, card: "5" });
  await until(() => heard.length > 0);
  assert.deepEqual(heard.map(({ payload }) => payload.participantId), ["alice"]);
  assert.deepEqual(named(await log(relay, session(ISSUE, other)), "vote.cast").map(({ payload }) => payload.participantId), ["bob"]);
});

test("tokens live as long as TOKEN_SECONDS says, and five minutes without it or with nonsense", async (t) => {
  const relay = await startRelay(t);
  for (const [TOKEN_SECONDS, seconds] of [["20", 20], [undefined, 300], ["3000", 300], ["soon", 300]]) {
    const app = await startApp(t, relay, { variables: TOKEN_SECONDS === undefined ? {} : { TOKEN_SECONDS } });
    const [alice] = await seated(app, "alice");
    const { token, expiresAt } = await alice("getToken");
    const { iat, exp } = new sdk.Relay({ url: relay.url, secret: SECRET }).verifyToken(token);
    assert.deepEqual([exp - iat, exp], [seconds, expiresAt], TOKEN_SECONDS);
  }
});

test("the manifest asks for no scope that could be left out", async (t) => {
  const relay = await startRelay(t);
  const play = async (scopes) => {
    const manifest = manifestFor(relay.url);
    manifest.permissions.scopes = scopes;
    const app = await startApp(t, relay, { manifest });
    const alice = page(app, "alice");
    for (const [key, payload] of [["joinTable"], ["reveal", { round: 1 }], ["applyEstimate", { round: 1, value: 5 }]]) {
      const answer = await alice(key, payload);
      if (!answer.ok) return answer.code;
    }
    return "played";
  };
  const { scopes } = manifestFor(relay.url).permissions;
  assert.equal(await play(scopes), "played");
  for (const scope of scopes) assert.match(await play(scopes.filter((each) => each !== scope)), /unavailable|jira_refused/, scope);
});

/** Every value in there that is not made of others. */
function leavesOf(value) {
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(leavesOf) : [value];
}
