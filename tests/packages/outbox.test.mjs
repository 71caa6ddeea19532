// The outbox, with the real @forge/events: its Queue, whose requests are caught where they would leave for Atlassian, and
// its InvocationError, which our answer must equal.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

import { accept, answer, cut, hang, misbehaving, problem } from "./harness/misbehaving.mjs";
import { SECRET, startRelay, subscribe } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

const { InvocationError, Queue } = createRequire(import.meta.url)("@forge/events");
const { Relay, RelayError, outboxConsumer } = sdk;
const event = { sessionId: "s", event: "vote.cast", payload: { value: "5" } };
const MINUTE = 60_000;
const NOW = 1_800_000_000_000;

/** Atlassian's queue, as far as the package's own client reaches. */
function queue(status = 201) {
  const pushed = [];
  const client = async (_path, init) => {
    pushed.push(...JSON.parse(init.body).payload);
    return new Response(status === 201 ? null : "{}", { status });
  };
  return Object.assign(new Queue({ key: "outbox" }, client), { pushed });
}
const through = (server, deadlineMs = 300) => new Relay({ url: server.url, secret: SECRET, deadlineMs });
/** The clock, and only the clock: sockets and timers stay real. */
const at = (t, time) => {
  t.mock.timers.enable({ apis: ["Date"], now: time });
  return { move: (ms) => t.mock.timers.setTime(Date.now() + ms) };
};
const body = (more = {}) => ({
  forgeRelay: 1,
  event: JSON.stringify({ ...event, nonce: "n-1", timestamp: new Date(NOW).toISOString() }),
  firstAttemptAt: NOW,
  unknownSince: null,
  ...more,
});
function consumer(relay) {
  const gaveUp = [];
  return { gaveUp, consume: outboxConsumer(relay, { onGiveUp: async (given) => void gaveUp.push(given) }) };
}

test("an event that cannot be published waits in the queue, is published from there, and delivered once", async (t) => {
  const server = await startRelay(t);
  const relay = through(server, 3_000);
  const page = await subscribe(t, server.url, relay.mintToken({ accountId: "a", sessionId: "s" }).token);
  const direct = await relay.publishOrQueue(event, { queue: queue() });
  assert.equal(direct.published, true);
  assert.equal(direct.receipt.seq, 1);
  await page.next();

  const down = await misbehaving(t, problem(503, "unavailable"));
  const waiting = queue();
  const later = await through(down).publishOrQueue(event, { queue: waiting });
  assert.equal(later.published, false);
  assert.ok(later.reason instanceof RelayError);
  const [push] = waiting.pushed;
  assert.equal(JSON.parse(push.body.event).nonce, later.nonce);
  assert.equal(push.body.unknownSince, null);
  assert.ok(push.delayInSeconds >= 1 && push.delayInSeconds <= 900);
  assert.ok(!JSON.stringify(waiting.pushed).includes(SECRET.slice(6)), "the queue holds no secret");

  const { consume, gaveUp } = consumer(relay);
  assert.equal(await consume(push), undefined);
  // Forge may call twice; the relay knows the nonce.
  assert.equal(await consume(push), undefined);
  const received = await page.next();
  assert.deepEqual([received.seq, received.payload], [2, event.payload]);
  await relay.publish({ ...event, payload: "last" });
  assert.equal((await page.next()).payload, "last");
  assert.deepEqual([page.left, gaveUp], [[], []]);
});

test("after hours it is stamped anew, with its nonce and its payload's own text", async (t) => {
  const server = await misbehaving(t, accept);
  at(t, NOW + 20 * 60 * MINUTE);
  const { consume } = consumer(through(server));
  const payload = '{"b":1,"a":"\\u00e9"}';
  const text = `{"sessionId":"s","event":"e","payload":${payload},"nonce":"n-1","timestamp":"2027-01-15T08:00:00Z"}`;
  assert.equal(await consume({ body: body({ event: text }) }), undefined);
  const [{ body: sent, headers }] = server.requests;
  assert.equal(sent, text.replace("2027-01-15T08:00:00Z", new Date(NOW + 20 * 60 * MINUTE).toISOString().replace(".000", "")));
  assert.equal(Number(headers["webhook-timestamp"]) * 1000, NOW + 20 * 60 * MINUTE);
});

test("certainly not in the log: again and again for 24 hours, then given up", async (t) => {
  const server = await misbehaving(t, problem(503, "unavailable"));
  const clock = at(t, NOW);
  const { consume, gaveUp } = consumer(through(server, 100));
  let retryContext;
  let calls = 0;
  let last = 0;
  while (gaveUp.length === 0) {
    const answered = await consume({ body: body(), retryContext });
    if (answered === undefined) break;
    const { retryAfter, retryReason, retryData } = answered.retryOptions;
    assert.deepEqual(answered, new InvocationError({ retryAfter, retryReason, retryData }));
    assert.ok(Number.isInteger(retryAfter) && retryAfter >= 1 && retryAfter <= 900, `${retryAfter}`);
    assert.equal(retryData.unknownSince, null);
    calls += 1;
    // As JSON, which is how it comes back.
    retryContext = JSON.parse(JSON.stringify({ retryCount: calls, retryReason, retryData }));
    last = Date.now();
    clock.move(retryAfter * 1000);
  }
  assert.ok(last - NOW > 23.5 * 60 * MINUTE && last - NOW < 24 * 60 * MINUTE, `${(last - NOW) / MINUTE} min`);
  assert.ok(calls > 90 && calls < 250, `${calls}`);
  const [{ event: given, error, firstAttemptAt }] = gaveUp;
  assert.deepEqual([given.nonce, given.payload, error.code, error.mayBeInLog, firstAttemptAt], ["n-1", event.payload, "unavailable", false, NOW]);
});

test("fate unknown: only for 9 minutes after that attempt, then given up, and never sent again", async (t) => {
  for (const [name, behaviour] of [
    ["cut", cut],
    ["hang", hang],
    ["a proxy's 502", answer(502, "<h1>Bad gateway</h1>")],
  ]) {
    const server = await misbehaving(t, behaviour);
    const clock = at(t, NOW);
    const { consume, gaveUp } = consumer(through(server, 100));
    // Certain for two hours first: that does not count.
    clock.move(120 * MINUTE);
    let retryContext;
    for (let calls = 1; gaveUp.length === 0; calls += 1) {
      const answered = await consume({ body: body(), retryContext });
      if (answered === undefined) break;
      const { retryAfter, retryReason, retryData } = answered.retryOptions;
      assert.equal(retryData.unknownSince, NOW + 120 * MINUTE, name);
      retryContext = { retryCount: calls, retryReason, retryData };
      clock.move(retryAfter * 1000);
    }
    const after = Date.now() - NOW - 120 * MINUTE;
    assert.ok(after > 6 * MINUTE && after <= 9 * MINUTE, `${name}: ${after / MINUTE} min`);
    assert.equal(gaveUp[0].error.mayBeInLog, true, name);
    const sent = server.requests.length;
    assert.ok(sent >= 4, `${name}: ${sent}`);
    // A late call must not send it.
    clock.move(5 * MINUTE);
    await consume({ body: body(), retryContext });
    assert.equal(server.requests.length, sent, name);
    assert.equal(gaveUp.length, 2, name);
    t.mock.timers.reset();
  }
});

test("an attempt of unknown fate before the queue counts from the first attempt", async (t) => {
  const down = await misbehaving(t, cut);
  const waiting = queue();
  const clock = at(t, NOW);
  const outcome = await through(down).publishOrQueue(event, { queue: waiting });
  assert.deepEqual([outcome.published, outcome.reason.mayBeInLog], [false, true]);
  assert.equal(waiting.pushed[0].body.unknownSince, NOW);
  clock.move(10 * MINUTE);
  const up = await misbehaving(t, accept);
  const { consume, gaveUp } = consumer(through(up));
  assert.equal(await consume(waiting.pushed[0]), undefined);
  assert.deepEqual([up.requests.length, gaveUp.length, gaveUp[0].error.mayBeInLog], [0, 1, true]);
});

test("a consumer that Forge ended in the middle leaves a fate unknown; one that never ran does not", async (t) => {
  const server = await misbehaving(t, accept);
  at(t, NOW + 30 * MINUTE);
  const { consume, gaveUp } = consumer(through(server));
  await consume({ body: body(), retryContext: { retryCount: 1, retryReason: "FUNCTION_TIME_OUT", retryData: null } });
  const told = { at: NOW + 20 * MINUTE, unknownSince: null };
  await consume({ body: body(), retryContext: { retryCount: 2, retryReason: "FUNCTION_OUT_OF_MEMORY", retryData: told } });
  assert.deepEqual([gaveUp.length, server.requests.length], [2, 0]);
  const recent = { at: NOW + 25 * MINUTE, unknownSince: null };
  await consume({ body: body(), retryContext: { retryCount: 2, retryReason: "FUNCTION_TIME_OUT", retryData: recent } });
  await consume({ body: body(), retryContext: { retryCount: 1, retryReason: "FUNCTION_PLATFORM_RATE_LIMITED", retryData: null } });
  assert.deepEqual([gaveUp.length, server.requests.length], [2, 2]);
});

test("refused for good: thrown at once, or given up at once", async (t) => {
  const server = await misbehaving(t, problem(401, "signature_invalid"));
  const waiting = queue();
  await assert.rejects(through(server).publishOrQueue(event, { queue: waiting }), { code: "signature_invalid" });
  assert.deepEqual(waiting.pushed, []);
  at(t, NOW);
  const { consume, gaveUp } = consumer(through(server));
  assert.equal(await consume({ body: body() }), undefined);
  assert.deepEqual([gaveUp[0].error.code, gaveUp[0].error.mayBeInLog], ["signature_invalid", false]);
});

test("the relay's Retry-After and Forge's own window are kept", async (t) => {
  const server = await misbehaving(t, problem(429, "rate_limited", { "retry-after": "700" }));
  at(t, NOW);
  const { consume, gaveUp } = consumer(through(server));
  const answered = await consume({ body: body() });
  assert.deepEqual([answered.retryOptions.retryAfter, answered.retryOptions.retryReason], [700, "FUNCTION_UPSTREAM_RATE_LIMITED"]);
  const closing = { retryCount: 1, retryReason: "FUNCTION_RETRY_REQUEST", retryData: null, retentionWindow: { startTime: "", remainingTimeMs: 60_000 } };
  assert.equal(await consume({ body: body(), retryContext: closing }), undefined);
  assert.equal(gaveUp.length, 1);
});

test("a queue that refuses, that is too small or that hangs is told together with why the event is there", async (t) => {
  const down = await misbehaving(t, problem(503, "unavailable"));
  const limited = await through(down).publishOrQueue(event, { queue: queue(429) }).catch((error) => error);
  assert.deepEqual([limited.code, limited.retryable, limited.mayBeInLog], ["queue_failed", true, false]);
  assert.match(limited.message, /it is unavailable.*Too many requests/);
  const large = new Relay({ url: down.url, secret: SECRET, deadlineMs: 300, payloadBytes: 300_000 });
  const never = { push: () => assert.fail("pushed") };
  const tooLarge = await large.publishOrQueue({ ...event, payload: "x".repeat(250_000) }, { queue: never }).catch((error) => error);
  assert.equal(tooLarge.code, "queue_failed");
  assert.match(tooLarge.message, /204800/);
  const start = performance.now();
  const hanging = await through(down).publishOrQueue(event, { queue: { push: () => new Promise(() => {}) } }).catch((error) => error);
  assert.equal(hanging.code, "queue_failed");
  assert.ok(performance.now() - start < 7_000);
});

test("the largest payload of the default limits fits Forge's queue, however it is made up", async (t) => {
  const down = await misbehaving(t, problem(503, "unavailable"));
  for (const character of ["x", '"', "\\", "ü", "\u{1f44d}", "\u0001"]) {
    const most = Math.floor((65_536 - 2) / Buffer.byteLength(JSON.stringify(character).slice(1, -1)));
    const waiting = queue();
    const outcome = await through(down).publishOrQueue({ ...event, payload: character.repeat(most) }, { queue: waiting });
    assert.equal(outcome.published, false, character);
    assert.equal(waiting.pushed.length, 1);
  }
});
