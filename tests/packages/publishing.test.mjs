// Publishing through real relays, and through servers that do what networks do.
import assert from "node:assert/strict";
import test from "node:test";

import { freePort } from "../../xtask/demo/ports.mjs";
import { accept, answer, cut, endless, half, hang, headOnly, misbehaving, problem } from "./harness/misbehaving.mjs";
import { SECRET, startRelay, subscribe } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

const { Relay, RelayError } = sdk;
const event = (payload = 1) => ({ sessionId: "s", event: "vote.cast", payload });
const through = (server, more = {}) => new Relay({ url: server.url, secret: SECRET, deadlineMs: 2_000, ...more });
const refused = async (work) => {
  const start = performance.now();
  const error = await work.then(
    (value) => assert.fail(`it was accepted: ${JSON.stringify(value)}`),
    (thrown) => thrown,
  );
  assert.ok(error instanceof RelayError, error.stack);
  return Object.assign(error, { took: performance.now() - start });
};

test("one event and a batch reach a subscriber, in order, once", async (t) => {
  const server = await startRelay(t);
  const relay = through(server);
  const page = await subscribe(t, server.url, relay.mintToken({ accountId: "a", sessionId: "s" }).token);
  const payload = { number: 1.5, text: "Zoë \ud83d\udc4d \u2028", list: [null, true], nested: { "": 0 } };
  const receipt = await relay.publish(event(payload));
  const receipts = await relay.publishBatch([event(2), event(3)]);
  assert.deepEqual([receipt, ...receipts].map((each) => each.seq), [1, 2, 3]);
  for (const [seq, sent] of [payload, 2, 3].entries()) {
    const { seq: at, payload: got, cursor } = await page.next();
    assert.deepEqual([at, got, cursor], [seq + 1, sent, [receipt, ...receipts][seq].cursor]);
  }
  const again = await relay.publish({ ...event(9), nonce: "n-1" });
  const duplicate = await relay.publish({ ...event(9), nonce: "n-1" });
  assert.deepEqual([again.duplicate, duplicate.duplicate, duplicate.seq], [false, true, again.seq]);
  assert.equal((await page.next()).payload, 9);
  assert.deepEqual(page.left, []);

  const conflict = await refused(relay.publish({ ...event(10), nonce: "n-1" }));
  assert.deepEqual([conflict.code, conflict.status, conflict.retryable, conflict.mayBeInLog], ["nonce_conflict", 409, false, false]);
  assert.ok(conflict.requestId);
  const batch = await refused(relay.publishBatch([event(1), { ...event(10), nonce: "n-1" }]));
  assert.deepEqual(batch.errors.map(({ index, field, code }) => ({ index, field, code })), [{ index: 1, field: "/nonce", code: "nonce_conflict" }]);
});

test("secrets rotate without a gap, apps keep apart, and another's secret is refused", async (t) => {
  const next = "a-new-secret-that-has-at-least-32-bytes";
  const server = await startRelay(t, { RELAY_SECRET: `${next}, ${SECRET}` });
  for (const secret of [SECRET, next, `${next} ${SECRET}`]) await through(server, { secret }).publish(event());
  const { token } = through(server, { secret: SECRET }).mintToken({ accountId: "a", sessionId: "s" });
  assert.equal(through(server, { secret: `${next},${SECRET}` }).verifyToken(token).sub, "a");
  await subscribe(t, server.url, token);
  const stranger = await refused(through(server, { secret: "some-other-secret-of-more-than-32-bytes" }).publish(event()));
  assert.deepEqual([stranger.code, stranger.status, stranger.retryable], ["signature_invalid", 401, false]);
  const app = await refused(through(server, { app: "no-such-app" }).publish(event()));
  assert.equal(app.code, "app_unknown");
});

test("signRequest signs what this class has no word for", async (t) => {
  const server = await startRelay(t);
  const relay = through(server);
  const body = JSON.stringify({ ...event("ü"), nonce: "n", timestamp: new Date().toISOString() });
  for (const [form, duplicate] of [
    [body, false],
    [Buffer.from(body), true],
  ]) {
    const answered = await fetch(`${server.url}/events`, { method: "POST", headers: relay.signRequest(form), body: form });
    assert.equal(answered.status, 202);
    assert.equal((await answered.json()).duplicate, duplicate);
  }
});

test("429, 5xx and broken connections are retried with the same nonce, later and later, signed anew", async (t) => {
  const server = await misbehaving(t, problem(429, "rate_limited"), cut, problem(503, "unavailable"), half, accept);
  const receipt = await through(server, { deadlineMs: 10_000 }).publish(event());
  assert.equal(receipt.seq, 1);
  assert.equal(server.requests.length, 5);
  assert.equal(new Set(server.requests.map((request) => request.body)).size, 1);
  assert.equal(new Set(server.requests.map((request) => request.headers["webhook-id"])).size, 1);
  const pauses = server.requests.slice(1).map((request, index) => request.at - server.requests[index].at);
  for (const [index, pause] of pauses.entries()) {
    const most = 200 * 2 ** index;
    assert.ok(pause >= most / 2 - 5 && pause < most + 400, `pause ${index}: ${pause}`);
  }
});

test("Retry-After is kept, and where it does not fit the deadline, nobody waits for it", async (t) => {
  const server = await misbehaving(t, problem(429, "rate_limited", { "retry-after": "1" }), accept);
  await through(server, { deadlineMs: 5_000 }).publish(event());
  const pause = server.requests[1].at - server.requests[0].at;
  assert.ok(pause >= 995, `${pause}`);

  const patient = await misbehaving(t, problem(503, "unavailable", { "retry-after": "60" }));
  const error = await refused(through(patient).publish(event()));
  assert.deepEqual([error.code, error.status, error.retryAfter, error.mayBeInLog, error.requestId], ["unavailable", 503, 60, false, "req-1"]);
  assert.ok(error.took < 1_000, `${error.took}`);
  assert.equal(patient.requests.length, 1);
});

test("what no waiting cures is sent once", async (t) => {
  for (const [behaviour, code, status] of [
    [problem(401, "signature_expired"), "signature_expired", 401],
    [problem(413, "too_large"), "too_large", 413],
    [problem(404, "not_found"), "not_found", 404],
    [answer(200, "<!doctype html><title>Welcome</title>"), "not_a_relay", 200],
    [answer(404, "<h1>Not found</h1>"), "not_a_relay", 404],
    [answer(301, "", { location: "https://elsewhere.example.com/events" }), "not_a_relay", 301],
    [endless, "not_a_relay", 200],
    [answer(403, "", { "forge-proxy-error": "BLOCKED_EGRESS" }), "egress_blocked", 403],
  ]) {
    const server = await misbehaving(t, behaviour);
    const error = await refused(through(server).publish(event()));
    assert.deepEqual([error.code, error.status, error.retryable, error.mayBeInLog], [code, status, false, false], error.message);
    assert.equal(server.requests.length, 1, code);
    assert.ok(error.took < 1_500, `${code} took ${error.took}`);
    assert.ok(error.message.startsWith(server.url), error.message);
  }
});

test("a relay that hangs, at any point, is left at the deadline with a clear error", async (t) => {
  for (const [behaviour, mayBeInLog] of [
    [hang, true],
    [headOnly, true],
    [(socket) => socket.write("HTTP/1.1 202 Accep"), true],
  ]) {
    const server = await misbehaving(t, behaviour);
    const error = await refused(through(server, { deadlineMs: 600 }).publish(event()));
    assert.deepEqual([error.code, error.status, error.retryable, error.mayBeInLog], ["timeout", undefined, true, mayBeInLog]);
    assert.match(error.message, /no answer within 600 ms/);
    assert.ok(error.took >= 590 && error.took < 1_200, `${error.took}`);
  }
  // Also a fetch that does not care for its signal.
  const deaf = new Relay({ url: "http://127.0.0.1:1", secret: SECRET, deadlineMs: 300, fetch: () => new Promise(() => {}) });
  assert.equal((await refused(deaf.publish(event()))).code, "timeout");
});

test("a call's own deadline and signal end it, and a signal that was aborted sends nothing", async (t) => {
  const server = await misbehaving(t, hang);
  const relay = through(server, { deadlineMs: 60_000 });
  assert.equal((await refused(relay.publish(event(), { deadlineMs: 200 }))).code, "timeout");
  const late = await refused(relay.publish(event(), { signal: AbortSignal.timeout(200) }));
  assert.deepEqual([late.code, late.retryable, late.mayBeInLog], ["aborted", false, true]);
  assert.equal(late.cause.name, "TimeoutError");
  const before = server.requests.length;
  const early = await refused(relay.publish(event(), { signal: AbortSignal.abort() }));
  assert.deepEqual([early.code, early.mayBeInLog, server.requests.length], ["aborted", false, before]);

  const pausing = await misbehaving(t, problem(503, "unavailable", { "retry-after": "30" }));
  const waiting = await refused(new Relay({ url: pausing.url, secret: SECRET, deadlineMs: 60_000 }).publish(event(), { signal: AbortSignal.timeout(200) }));
  assert.deepEqual([waiting.code, waiting.mayBeInLog], ["aborted", false]);
});

test("nobody there is told from perhaps there", async (t) => {
  const gone = await refused(new Relay({ url: `http://127.0.0.1:${await freePort()}`, secret: SECRET, deadlineMs: 500 }).publish(event()));
  assert.deepEqual([gone.code, gone.retryable, gone.mayBeInLog], ["no_connection", true, false]);
  assert.match(gone.message, /ECONNREFUSED/);
  const unknown = await refused(new Relay({ url: "http://no-such-host.invalid", secret: SECRET, deadlineMs: 500 }).publish(event()));
  assert.deepEqual([unknown.code, unknown.mayBeInLog], ["no_connection", false]);
  const broken = await refused(through(await misbehaving(t, cut), { deadlineMs: 500 }).publish(event()));
  assert.deepEqual([broken.code, broken.mayBeInLog], ["no_connection", true]);
  // One attempt that nobody knows of makes the whole unknown.
  const mixed = await refused(through(await misbehaving(t, cut, problem(503, "unavailable", { "retry-after": "60" }))).publish(event()));
  assert.deepEqual([mixed.code, mixed.mayBeInLog], ["unavailable", true]);
  const proxy = await refused(through(await misbehaving(t, answer(502, "<h1>Bad gateway</h1>")), { deadlineMs: 300 }).publish(event()));
  assert.deepEqual([proxy.code, proxy.mayBeInLog], ["bad_gateway", true]);
  const speaksTls = await refused(new Relay({ url: (await misbehaving(t, hang)).url.replace("http:", "https:"), secret: SECRET, deadlineMs: 500 }).publish(event()));
  assert.ok(["no_connection", "timeout"].includes(speaksTls.code), speaksTls.code);
});

test("a relay that was killed and comes back takes the event once", async (t) => {
  const first = await startRelay(t);
  await first.stop();
  const relay = new Relay({ url: first.url, secret: SECRET, deadlineMs: 15_000 });
  const publishing = relay.publish(event("after the break"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const second = await startRelay(t, { RELAY_BIND: `127.0.0.1:${first.port}` });
  const receipt = await publishing;
  assert.equal(receipt.seq, 1);
  const headers = { authorization: `Bearer ${SECRET}` };
  const { events } = await (await fetch(`${second.url}/sessions/s/events`, { headers })).json();
  assert.equal(events.length, 1);
});

test("a fetch like @forge/api's is all that it takes", async (t) => {
  const server = await startRelay(t);
  const calls = [];
  const forge = async (url, init) => {
    calls.push([url, Object.keys(init).sort()]);
    const answered = await fetch(url, init);
    const { status, headers } = answered;
    return { ok: answered.ok, status, statusText: "", headers, text: () => answered.text(), json: () => answered.json() };
  };
  await through(server, { fetch: forge }).publish(event());
  assert.deepEqual(calls, [[`${server.url}/events`, ["body", "headers", "method", "redirect", "signal"]]]);
});

test("after a call nothing goes on: no timer, no connection of ours keeps Node alive", async (t) => {
  const server = await misbehaving(t, problem(503, "unavailable"), accept);
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  await through(server, { deadlineMs: 60_000 }).publish(event());
  assert.equal(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, before);
});
