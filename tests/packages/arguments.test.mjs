// Every wrong argument is a RelayError that names its field, before anything is sent.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import test from "node:test";

import { misbehaving, hang } from "./harness/misbehaving.mjs";
import { SECRET } from "./harness/relay.mjs";
import { sdk } from "./harness/sdk.mjs";

const { Relay, RelayError, outboxConsumer } = sdk;
const url = "https://relay.example.com";
const good = { sessionId: "s", event: "vote.cast", payload: 1 };

async function names(what, call, ...fields) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof RelayError, `${what}: ${error?.stack ?? "no error"}`);
  assert.equal(error.code, "invalid", `${what}: ${error.message}`);
  assert.deepEqual([error.retryable, error.mayBeInLog, error.status], [false, false, undefined], what);
  const found = error.errors.map(({ index, field }) => (index === undefined ? field : `${index}${field}`));
  assert.deepEqual(found, fields, `${what}: ${error.message}`);
  assert.ok(error.errors.every(({ message, code }) => message && code), what);
  assert.ok(!error.message.includes(SECRET), error.message);
}

test("the constructor's", async () => {
  for (const [options, ...fields] of [
    [undefined, ""],
    [null, ""],
    ["x", ""],
    [{ secret: SECRET }, "/url"],
    [{ url: 5, secret: SECRET }, "/url"],
    [{ url: "", secret: SECRET }, "/url"],
    [{ url: "relay.example.com", secret: SECRET }, "/url"],
    [{ url: "ftp://relay.example.com", secret: SECRET }, "/url"],
    [{ url: "https://me:pass@relay.example.com", secret: SECRET }, "/url"],
    [{ url: `${url}/?a=b`, secret: SECRET }, "/url"],
    [{ url }, "/secret"],
    [{ url, secret: undefined }, "/secret"],
    [{ url, secret: null }, "/secret"],
    [{ url, secret: 5n }, "/secret"],
    [{ url, secret: "" }, "/secret"],
    [{ url, secret: "too-short" }, "/secret"],
    [{ url, secret: "whsec_not base64 at all" }, "/secret"],
    [{ url, secret: `${SECRET},too-short` }, "/secret"],
    [{ url, secret: `'${SECRET}'` }, "/secret"],
    [{ url, secret: SECRET, tokenSecret: "short" }, "/tokenSecret"],
    [{ url, secret: SECRET, app: "an app" }, "/app"],
    [{ url, secret: SECRET, app: "a\r\nb" }, "/app"],
    [{ url, secret: SECRET, fetch: {} }, "/fetch"],
    [{ url, secret: SECRET, deadlineMs: "10" }, "/deadlineMs"],
    [{ url, secret: SECRET, deadlineMs: 0 }, "/deadlineMs"],
    [{ url, secret: SECRET, deadlineMs: NaN }, "/deadlineMs"],
    [{ url, secret: SECRET, deadlineMs: Infinity }, "/deadlineMs"],
    [{ url, secret: SECRET, payloadBytes: 1.5 }, "/payloadBytes"],
    [{ url, secret: SECRET, tokensecret: SECRET }, "/tokensecret"],
    [{ url, secret: 1, tokenSecret: 2, app: 3 }, "/secret", "/tokenSecret", "/app"],
  ]) {
    await names(inspect(options), () => new Relay(options), ...fields);
  }
});

test("the environment's, by the variable's name", async (t) => {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  const set = (variables) => {
    for (const name of ["RELAY_URL", "RELAY_SECRET", "RELAY_TOKEN_SECRET", "RELAY_APP"]) delete process.env[name];
    Object.assign(process.env, variables);
  };
  for (const [variables, field] of [
    [{}, "/RELAY_URL"],
    [{ RELAY_URL: url }, "/RELAY_SECRET"],
    [{ RELAY_URL: url, RELAY_SECRET: "  " }, "/RELAY_SECRET"],
    [{ RELAY_URL: "nowhere", RELAY_SECRET: SECRET }, "/RELAY_URL"],
    [{ RELAY_URL: url, RELAY_SECRET: "short" }, "/RELAY_SECRET"],
    [{ RELAY_URL: url, RELAY_SECRET: SECRET, RELAY_TOKEN_SECRET: "short" }, "/RELAY_TOKEN_SECRET"],
    [{ RELAY_URL: url, RELAY_SECRET: SECRET, RELAY_APP: "an app" }, "/RELAY_APP"],
  ]) {
    set(variables);
    await names(inspect(variables), () => Relay.fromEnv(), field);
    assert.throws(() => Relay.fromEnv(), new RegExp(field.slice(1)));
  }
  set({ RELAY_URL: url, RELAY_SECRET: SECRET, RELAY_APP: "poker" });
  const relay = Relay.fromEnv({ deadlineMs: 5 });
  assert.equal(relay.verifyToken(relay.mintToken({ accountId: "a", sessionId: "s" }).token).iss, "poker");
});

test("those of an event, and nothing was sent", async (t) => {
  const server = await misbehaving(t, hang);
  const relay = new Relay({ url: server.url, secret: SECRET, deadlineMs: 1_000 });
  const self = {};
  self.self = self;
  let deep = 1;
  for (let level = 0; level < 65; level += 1) deep = [deep];
  for (const [event, ...fields] of [
    [undefined, ""],
    [() => {}, ""],
    [null, ""],
    [5, ""],
    [[good], ""],
    [{}, "/sessionId", "/event", "/payload"],
    [{ ...good, sessionId: 5 }, "/sessionId"],
    [{ ...good, sessionId: "planning poker" }, "/sessionId"],
    [{ ...good, event: "relay.ready" }, "/event"],
    [{ ...good, payload: undefined }, "/payload"],
    [{ ...good, payload: 5n }, "/payload"],
    [{ ...good, payload: self }, "/payload"],
    [{ ...good, payload: "x".repeat(65_536) }, "/payload"],
    [{ ...good, payload: deep }, "/payload"],
    [{ ...good, nonce: "" }, "/nonce"],
    [{ ...good, nonce: null }, "/nonce"],
    [{ ...good, timestamp: "yesterday" }, "/timestamp"],
    [{ ...good, timestamp: "2020-01-01T00:00:00Z" }, "/timestamp"],
    [{ ...good, timestamp: Date.now() }, "/timestamp"],
    [{ ...good, id: 1, session: "x" }, "/id", "/session"],
  ]) {
    await names(inspect(event, { depth: 0 }), () => relay.publish(event), ...fields);
    await names(inspect(event, { depth: 0 }), () => relay.publishOrQueue(event, { queue: { push: () => assert.fail("queued") } }), ...fields);
  }
  for (const [events, ...fields] of [
    [undefined, ""],
    [good, ""],
    [[], ""],
    [Array(101).fill(good), ""],
    [[good, 5, { ...good, event: "", nonce: 1 }], "1", "2/event", "2/nonce"],
    [[good, { ...good, payload: 5n }], "1/payload"],
  ]) {
    await names(inspect(events, { depth: 0 }), () => relay.publishBatch(events), ...fields);
  }
  await names("options", () => relay.publish(good, 5), "");
  await names("signal", () => relay.publish(good, { signal: true }), "/signal");
  await names("deadline", () => relay.publish(good, { deadlineMs: -1 }), "/deadlineMs");
  await names("queue", () => relay.publishOrQueue(good, {}), "/queue");
  await names("queue", () => relay.publishOrQueue(good), "/queue");
  assert.equal(server.requests.length, 0);
});

test("those of tokens, signatures and the outbox", async () => {
  const relay = new Relay({ url, secret: SECRET });
  for (const [token, ...fields] of [
    [undefined, ""],
    [{}, "/accountId", "/sessionId"],
    [{ accountId: "", sessionId: "s" }, "/accountId"],
    [{ accountId: "a".repeat(257), sessionId: "s" }, "/accountId"],
    [{ accountId: undefined, sessionId: "s" }, "/accountId"],
    [{ accountId: "a", sessionId: "s s" }, "/sessionId"],
    [{ accountId: "a", sessionId: "s", expiresIn: 301 }, "/expiresIn"],
    [{ accountId: "a", sessionId: "s", expiresIn: 0 }, "/expiresIn"],
    [{ accountId: "a", sessionId: "s", expiresIn: 1.5 }, "/expiresIn"],
    [{ accountId: "a", sessionId: "s", expiresIn: "60" }, "/expiresIn"],
    [{ accountId: "a", sessionId: "s", scope: ["publish"] }, "/scope"],
  ]) {
    await names(inspect(token), () => relay.mintToken(token), ...fields);
  }
  for (const token of [undefined, 5, {}]) await names(inspect(token), () => relay.verifyToken(token), "/token");
  for (const body of [undefined, 5, {}, null]) await names(inspect(body), () => relay.signRequest(body), "/body");
  await names("no relay", () => outboxConsumer({}, { onGiveUp() {} }), "/relay");
  await names("no onGiveUp", () => outboxConsumer(relay, {}), "/onGiveUp");
  const consumer = outboxConsumer(relay, { onGiveUp: () => assert.fail("given up") });
  for (const body of [undefined, {}, { forgeRelay: 1, event: "{", firstAttemptAt: 1, unknownSince: null }]) {
    await names(inspect(body), () => consumer({ body }), "/body");
  }
  assert.throws(() => relay.verifyToken("a.b.c"), { code: "token_invalid", retryable: false });
});

test("a relay shows no secret, however it is looked at", () => {
  const relay = new Relay({ url, secret: SECRET });
  assert.ok(!`${inspect(relay, { showHidden: true, depth: 9 })}${JSON.stringify(relay)}`.includes(SECRET.slice(6)));
});
