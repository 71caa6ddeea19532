// The stand-in for Forge, asked through Atlassian's own packages: what planning poker's tests and the demo rest on.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { ForgeApp } from "../../xtask/demo/forge/app.mjs";
import { listen } from "../../xtask/demo/ports.mjs";
import { here } from "./harness/consumer.mjs";
import { until } from "./harness/forge.mjs";

/** An app of standin/index.cjs, which may go to `backends`. */
async function startApp(t, { backends = [], scopes = ["storage:app", "read:jira-work"] } = {}) {
  const manifest = {
    app: { id: "ari:cloud:ecosystem::app/00000000-0000-0000-0000-000000000000" },
    modules: {
      "jira:issuePanel": [{ key: "panel", resource: "ui", resolver: { function: "resolver" } }],
      consumer: [{ key: "later", queue: "later", function: "consumer" }],
      function: [{ key: "resolver", handler: "index.resolver" }, { key: "consumer", handler: "index.consumer", timeoutSeconds: 1 }],
    },
    permissions: { scopes, external: { fetch: { backend: backends.map((address) => ({ address })), client: [] } } },
  };
  const app = await ForgeApp.start({
    bundle: join(here, "standin"),
    manifest,
    variables: { NAME: "value" },
    site: { cloudId: "c", host: "127.0.0.1:1" },
    people: [{ accountId: "alice", name: "Alice" }],
    issues: [{ id: "1", key: "A-1", summary: "Of A", projectKey: "A", boardId: null, estimate: null }],
  });
  t.after(() => app.stop());
  return { app, call: (key, payload) => app.invoke({ accountId: "alice", issueId: "1", key, payload }) };
}

/** A server somewhere, and the JSON that it was sent. */
async function somewhere(t) {
  const sent = [];
  const server = createServer(async (request, answer) => {
    const chunks = await request.toArray();
    if (chunks.length > 0) sent.push(JSON.parse(Buffer.concat(chunks)));
    answer.end("there");
  });
  const port = await listen(server);
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${port}`, sent };
}

test("a function knows who calls, has the app's variables, and nothing of this machine's", async (t) => {
  const { call } = await startApp(t);
  const { environment, payload, context } = await call("who", { accountId: "mallory" });
  assert.deepEqual([environment, payload], [{ NAME: "value" }, { accountId: "mallory" }]);
  assert.deepEqual([context.accountId, context.installContext, context.extension.issue.key], ["alice", "ari:cloud:jira::site/c", "A-1"]);
});

test("storage: what @forge/kvs writes and reads, and the errors that it makes of Atlassian's codes", async (t) => {
  const { call } = await startApp(t);
  const kvs = (...words) => call("kvs", words);
  const isRefused = async (code, ...words) => assert.equal((await kvs(...words)).code, code, words.join(" "));
  assert.deepEqual(await kvs("get", "none"), {});
  await kvs("set", "a", { deep: [1, null, "ü"] });
  assert.deepEqual(await kvs("get", "a"), { value: { deep: [1, null, "ü"] } });
  await isRefused("KEY_ALREADY_EXISTS", "set", "a", 2, { keyPolicy: "FAIL_IF_EXISTS" });
  assert.deepEqual((await kvs("set", "a", 2, { keyPolicy: "OVERRIDE", returnValue: "PREVIOUS" })).value.value, { deep: [1, null, "ü"] });
  assert.deepEqual((await kvs("set", "a", 3, { keyPolicy: "OVERRIDE", returnValue: "LATEST" })).value.value, 3);
  await kvs("delete", "a");
  await kvs("delete", "a");
  assert.deepEqual(await kvs("set", "a", 1, { keyPolicy: "FAIL_IF_EXISTS", ttl: { value: 1, unit: "SECONDS" } }), {});
  await pause(1_050);
  assert.deepEqual(await kvs("get", "a"), {});

  await isRefused("KEY_TOO_SHORT", "get", "");
  await isRefused("KEY_TOO_LONG", "get", "k".repeat(501));
  await isRefused("INVALID_KEY", "set", "a/b", 1);
  await isRefused("MAX_SIZE", "set", "a", "x".repeat(240 * 1024));
  await isRefused("MAX_DEPTH", "set", "a", Array.from({ length: 32 }).reduce((inner) => [inner], 1));
  assert.match((await call("entity")).message, /the stand-in for Forge lacks this: storage \/api\/v1\/entity\/get/);

  const set = await kvs("batchSet", [{ key: "b1", value: 1 }, { key: "b/2", value: 2 }]);
  assert.deepEqual([set.value.successfulKeys, set.value.failedKeys.map(({ error }) => error.code)], [[{ key: "b1" }], ["INVALID_KEY"]]);
  const got = await kvs("batchGet", [{ key: "b1" }, { key: "b3" }]);
  assert.deepEqual([got.value.successfulKeys[0].value, got.value.failedKeys[0].error.code], [1, "KEY_NOT_FOUND"]);
  await isRefused("BAD_REQUEST", "batchGet", Array.from({ length: 26 }, (_, index) => ({ key: `b${index}` })));

  const { call: poor } = await startApp(t, { scopes: [] });
  assert.equal((await poor("kvs", ["get", "a"])).code, "FORBIDDEN");
});

test("queries come in pages, and a moment late", async (t) => {
  const { call } = await startApp(t);
  for (const key of ["p:3", "p:1", "p:2", "q:1"]) await call("kvs", ["set", key, key]);
  const keys = async (limit, cursor) => {
    const { value, code } = await call("query", { prefix: "p:", limit, cursor });
    return code ?? { keys: value.results.map(({ key }) => key), cursor: value.nextCursor };
  };
  assert.deepEqual(await keys(10), { keys: [], cursor: undefined });
  await pause(250);
  const first = await keys(2);
  assert.deepEqual(first.keys, ["p:1", "p:2"]);
  assert.deepEqual(await keys(2, first.cursor), { keys: ["p:3"], cursor: undefined });
  await call("kvs", ["delete", "p:1"]);
  assert.deepEqual((await keys(10)).keys, ["p:1", "p:2", "p:3"]);
  await pause(250);
  assert.deepEqual((await keys(10)).keys, ["p:2", "p:3"]);
  assert.equal(await keys(101), "LIST_QUERY_LIMIT_EXCEEDED");
});

test("functions go where the manifest says, and nowhere else", async (t) => {
  const [allowed, other] = [await somewhere(t), await somewhere(t)];
  const { call } = await startApp(t, { backends: [allowed.url] });
  for (const { status, text } of await call("fetch", { url: `${allowed.url}/x` })) assert.deepEqual([status, text], [200, "there"]);
  for (const { status, proxy } of await call("fetch", { url: `${other.url}/x` })) assert.deepEqual([status, proxy], [403, "BLOCKED_EGRESS"]);
});

test("Jira answers the person who asks, within the manifest's scopes, and only what it has", async (t) => {
  const { app, call } = await startApp(t);
  const jira = (path, as) => call("jira", { path, as });
  const { value } = await jira("/rest/api/3/issue/1?fields=summary");
  assert.deepEqual([value.status, JSON.parse(value.text)], [200, { id: "1", key: "A-1", fields: { summary: "Of A" } }]);
  assert.equal((await jira("/rest/api/3/issue/2")).value.status, 404);
  assert.match((await jira("/rest/api/3/myself")).value.text, /scope does not match/);
  assert.match((await jira("/rest/api/3/search")).message, /the stand-in for Forge lacks this: Jira GET \/rest\/api\/3\/search/);
  assert.match((await jira("/rest/api/3/issue/1", "app")).message, /lacks this: Jira for the app/);
  const stranger = await app.invoke({ accountId: "nobody", issueId: "1", key: "jira", payload: { path: "/rest/api/3/issue/1" } });
  assert.equal(stranger.value.status, 401);
});

test("a queue hands its events to the consumer, later where told, and again where asked", async (t) => {
  const { url, sent } = await somewhere(t);
  const { app, call } = await startApp(t, { backends: [url] });
  const waiting = [];
  app.on("queue", (queue) => waiting.push(queue.waiting));
  const started = Date.now();
  await call("push", { body: { url, name: "late" }, delayInSeconds: 1 });
  await call("push", { body: { url, name: "again", failures: ["again", "throw"] } });
  await until(() => app.queue.waiting === 0);
  assert.ok(Date.now() - started >= 1_000);
  assert.deepEqual([Math.max(...waiting), waiting.at(-1)], [2, 0]);
  const [first, second, ...more] = sent.filter(({ body }) => body.name === "again");
  assert.deepEqual([first.queueName, first.retryContext, more], ["later", undefined, []]);
  const { retryCount, retryReason, retryData, retentionWindow } = second.retryContext;
  assert.deepEqual([retryCount, retryReason, retryData], [1, "FUNCTION_RETRY_REQUEST", { said: "so" }]);
  assert.ok(retentionWindow.remainingTimeMs > 23 * 3_600_000);

  // One that is ended from outside is called again, with what ended it.
  await call("push", { body: { url, name: "hang", failures: ["hang"] } });
  const ended = () => sent.filter(({ body }) => body.name === "hang");
  await until(() => ended().length === 2);
  assert.equal(ended()[1].retryContext.retryReason, "FUNCTION_TIME_OUT");
});

test("what a function throws is told as Forge tells it; a crash ends one invocation, and not the next", async (t) => {
  const { app, call } = await startApp(t);
  const seen = [];
  app.on("invocation", ({ accountId, key, ok }) => seen.push([accountId, key, ok]));
  await assert.rejects(call("throw"), { message: "There was an error invoking the function - as they please" });
  await assert.rejects(call("nothing"), /Resolver has no definition for 'nothing'/);
  const [crashed, fine] = await Promise.allSettled([call("crash"), call("count")]);
  assert.deepEqual([crashed.status, fine.status], ["rejected", "fulfilled"]);
  assert.match(crashed.reason.message, /the function's process ended with 3/);
  for (let calls = 0; calls < 12; calls += 1) await assert.rejects(call("crash"));
  assert.equal((await call("count")).calls >= 1, true);
  assert.deepEqual(seen.slice(0, 2), [["alice", "throw", false], ["alice", "nothing", false]]);
});

test("more invocations than processes wait for each other; stopping ends them all", async (t) => {
  const { app, call } = await startApp(t);
  const all = await Promise.all(Array.from({ length: 30 }, () => call("count")));
  assert.equal(all.length, 30);
  const hanging = Promise.allSettled(Array.from({ length: 12 }, () => call("hang")));
  await pause(50);
  await app.stop();
  for (const { reason } of await hanging) assert.match(reason.message, /the app is stopped/);
  await assert.rejects(call("count"), /the app is stopped/);
});

test("what is too large to go in or out is refused", async (t) => {
  const { call } = await startApp(t);
  await assert.rejects(call("who", { text: "x".repeat(500_000) }), /500000 bytes of payload/);
  await assert.rejects(call("answer", { length: 5_000_000 }), /5000000 bytes of answer/);
  assert.equal((await call("answer", { length: 400_000 })).length, 400_000);
});

test("a bundle without what its manifest names does not start", async () => {
  const manifest = { app: { id: "a/b" }, modules: { "jira:issuePanel": [{ key: "p", resource: "ui", resolver: { function: "f" } }], function: [{ key: "f", handler: "index.nothing" }] } };
  const options = { bundle: join(here, "standin"), manifest, variables: {}, site: { cloudId: "c", host: "h" }, people: [], issues: [] };
  await assert.rejects(ForgeApp.start(options), /the bundle has no index.nothing, which the manifest names/);
});
