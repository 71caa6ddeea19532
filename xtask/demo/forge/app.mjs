// A stand-in for Forge: one app, on one site, on this machine.
//
//   page ─ bridge.js ─ invoke ─► functions.mjs ─► worker.mjs: the app's bundle, with Atlassian's own packages in it
//                                                    │ what those ask of Atlassian
//                                                    ├─► storage.mjs   the key-value store      by @forge/kvs
//                                                    ├─► queue.mjs     queues and consumers     by @forge/events
//                                                    └─► jira.mjs      issues, a board          by @forge/api
//
// What is real: the bundle, made by @forge/bundler; the packages in it; the Content-Security-Policy, made by @forge/csp;
// the rule for egress, which is @forge/egress'. What is ours is what stands behind Atlassian's network: it follows what the
// packages send and what Atlassian's documentation says of limits and errors. It is in memory, has the few routes that a
// planning-poker app needs, and says so where it is asked for others. It does not ask anybody for consent, freezes nothing
// that a function leaves running, keeps no quota by the minute, and checks no sign-in: whoever calls `invoke` is believed.

import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";

import { headersFor } from "./csp.mjs";
import { Functions } from "./functions.mjs";
import { Jira } from "./jira.mjs";
import { lacks } from "./lacks.mjs";
import { Queue } from "./queue.mjs";
import { Storage } from "./storage.mjs";

/** What Forge takes from a page, and gives back. */
const LARGEST_PAYLOAD = 500_000;
const LARGEST_ANSWER = 5_000_000;
/** How long a function may take: one that a page waits for, and a consumer. */
const INVOKE_MS = 25_000;
const CONSUMER_MS = 55_000;

/**
 * Emits `invocation` with `{ accountId, key, ms, ok }` (a consumer's has no account, and the function's key), `queue` with
 * `{ waiting }`, and `log` with each line that a function prints.
 */
export class ForgeApp extends EventEmitter {
  #manifest;
  #site;
  #functions;
  #scopes;
  /** The module that pages are in, and the handler of its resolver. */
  #panel;

  /**
   * `bundle` is the folder with the bundle, `manifest` is parsed, `variables` are those of `forge variables`, `site` is
   * `{ cloudId, host }` with the host of the page around the app's pages. `storage` is what an earlier one left.
   */
  static async start({ bundle, manifest, variables, site, people, issues, storage = new Storage() }) {
    const app = new ForgeApp({ bundle, manifest, variables, site, people, issues, storage });
    await app.#functions.start();
    return app;
  }

  constructor({ bundle, manifest, variables, site, people, issues, storage }) {
    super();
    this.#manifest = manifest;
    this.#site = site;
    this.#scopes = new Set(manifest.permissions?.scopes);
    this.#panel = panelOf(manifest);
    this.storage = storage;
    this.jira = new Jira({ people, issues, scopes: this.#scopes });
    this.queue = new Queue({ consumers: consumersOf(manifest), consume: (call) => this.#consume(call) });
    this.queue.on("change", () => this.emit("queue", { waiting: this.queue.waiting }));
    this.#functions = new Functions({
      bundle,
      variables,
      handlers: manifest.modules.function.map(({ handler }) => handler),
      allowed: backendsOf(manifest),
      platform: (request, invocation) => this.#platform(request, invocation),
      log: (line) => this.emit("log", line),
    });
  }

  addPerson(person) {
    this.jira.addPerson(person);
  }

  /** What `view.getContext()` answers. */
  context({ accountId, issueId }) {
    const { cloudId, host } = this.#site;
    return {
      accountId,
      cloudId,
      siteUrl: `http://${host}`,
      environmentId: ENVIRONMENT,
      environmentType: "DEVELOPMENT",
      localId: `ari:cloud:ecosystem::extension/${this.#appId}/${ENVIRONMENT}/static/${this.#panel.key}`,
      locale: "en-US",
      moduleKey: this.#panel.key,
      timezone: "UTC",
      extension: { type: this.#panel.type, ...this.jira.contextOf(issueId) },
    };
  }

  /** What the bridge's `invoke` does, for a person who has the page of that issue open. */
  async invoke({ accountId, issueId, key, payload }) {
    const sent = payload === undefined ? undefined : JSON.stringify(payload);
    if (sent !== undefined && Buffer.byteLength(sent) > LARGEST_PAYLOAD) throw new Error(`Forge takes ${LARGEST_PAYLOAD} bytes of payload`);
    const call = { call: { functionKey: key, payload: sent && JSON.parse(sent) }, context: this.context({ accountId, issueId }) };
    const principal = { accountId };
    const answer = await this.#invocation({ accountId, key }, this.#panel.handler, [call, { ...this.#installation, principal }], INVOKE_MS).catch(
      (error) => {
        throw new Error(`There was an error invoking the function - ${error.message}`);
      },
    );
    if (answer !== undefined && answer.length > LARGEST_ANSWER) throw new Error(`Forge gives ${LARGEST_ANSWER} bytes of answer`);
    return answer === undefined ? undefined : JSON.parse(answer);
  }

  /** The headers under which Forge's CDN serves a page of the app. */
  pageHeaders(html) {
    return headersFor(html, this.#manifest, this.#site.host);
  }

  /** What runs is ended where it stands. The storage stays. */
  async stop() {
    this.queue.stop();
    await this.#functions.stop();
  }

  async #consume({ functionKey, event, timeoutMs = CONSUMER_MS }) {
    const handler = handlerOf(this.#manifest, functionKey);
    const answer = await this.#invocation({ accountId: undefined, key: functionKey }, handler, [event, this.#installation], timeoutMs);
    return answer === undefined ? undefined : JSON.parse(answer);
  }

  async #invocation({ accountId, key }, handler, args, timeoutMs) {
    const started = performance.now();
    let ok = false;
    try {
      const runtime = { appContext: this.#appContext, endsAt: Date.now() + timeoutMs };
      const answer = await this.#functions.run({ handler, args, runtime, invocation: { accountId } }, timeoutMs);
      ok = true;
      return answer;
    } finally {
      this.emit("invocation", { accountId, key, ms: performance.now() - started, ok });
    }
  }

  /** What a function's packages ask of Atlassian: `{ status, headers?, body? }`. */
  async #platform({ options, path, init }, { accountId }) {
    if (options.type === "kvs") {
      if (!this.#scopes.has("storage:app")) return { status: 403, body: { code: "FORBIDDEN", message: "the manifest has no scope storage:app" } };
      return this.storage.answer(path, JSON.parse(init.body));
    }
    if (options.type === "fpp" && options.remote === "stargate" && path.startsWith("/webhook/queue/publish/")) {
      return this.queue.push(JSON.parse(init.body));
    }
    if (options.type === "fpp" && options.remote === "jira") {
      if (options.provider !== "user" || options.accountId !== undefined) throw lacks(`Jira for ${options.accountId ?? `the ${options.provider}`}: it knows the person who asks`);
      if (accountId === undefined) return { status: 401, headers: { "forge-proxy-error": "NEEDS_AUTHENTICATION_ERR" } };
      return this.jira.answer({ accountId, method: init.method, path, body: init.body });
    }
    throw lacks(`${options.type} ${options.remote ?? ""} ${path}`);
  }

  get #appId() {
    return this.#manifest.app.id.split("/").at(-1);
  }

  get #installation() {
    return { installContext: `ari:cloud:jira::site/${this.#site.cloudId}` };
  }

  get #appContext() {
    return {
      appId: this.#appId,
      appVersion: "1.0.0",
      environmentId: ENVIRONMENT,
      environmentType: "DEVELOPMENT",
      invocationId: randomUUID(),
      installationId: this.#site.cloudId,
      moduleKey: this.#panel.key,
      permissions: { scopes: [...this.#scopes] },
    };
  }
}

const ENVIRONMENT = "00000000-0000-4000-8000-000000000001";

/** The first module with a page and a resolver. */
function panelOf(manifest) {
  for (const [type, modules] of Object.entries(manifest.modules)) {
    const found = modules.find(({ resource, resolver }) => resource !== undefined && resolver?.function !== undefined);
    if (found) return { type, key: found.key, handler: handlerOf(manifest, found.resolver.function) };
  }
  throw new Error("the manifest has no module with a resource and a resolver");
}

function handlerOf(manifest, key) {
  const found = manifest.modules.function.find((module) => module.key === key);
  if (found === undefined) throw new Error(`the manifest has no function ${key}`);
  return found.handler;
}

/** By queue, the function that is called with its events. */
function consumersOf(manifest) {
  const consumers = new Map();
  for (const { queue, function: functionKey } of manifest.modules.consumer ?? []) {
    if (functionKey === undefined) throw lacks("consumers that are resolvers");
    const { timeoutSeconds } = manifest.modules.function.find(({ key }) => key === functionKey) ?? {};
    consumers.set(queue, { functionKey, timeoutMs: timeoutSeconds && timeoutSeconds * 1_000 });
  }
  return consumers;
}

/** Where functions may go. */
function backendsOf(manifest) {
  const remotes = new Map((manifest.remotes ?? []).map(({ key, baseUrl }) => [key, baseUrl]));
  return (manifest.permissions?.external?.fetch?.backend ?? []).map((entry) => {
    if (typeof entry === "string") return entry;
    if (entry.address !== undefined) return entry.address;
    if (remotes.has(entry.remote)) return remotes.get(entry.remote);
    throw new Error(`the manifest has no remote ${entry.remote}`);
  });
}
