// Inside a function's process: the bundle, and what Forge's runtime puts around it. In the cloud that is Atlassian's own
// wrapper, which only runs there; @forge/api, kvs and events find here what they look for.

import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import egress from "@forge/egress";

const { bundle, handlers, allowed } = workerData;
const require = createRequire(import.meta.url);

const egressFilter = new egress.EgressFilteringService(allowed);
const network = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input);
  if (egressFilter.isValidUrl(url)) return network(input, init);
  return new Response(null, { status: 403, headers: { "forge-proxy-error": "BLOCKED_EGRESS" } });
};

/** What was asked and is not answered yet. */
const asked = new Map();
let lastAsked = 0;

globalThis.__forge_fetch__ = async (options, path, { method = "GET", headers, body } = {}) => {
  const id = (lastAsked += 1);
  const answer = new Promise((resolve) => asked.set(id, resolve));
  const request = { options, path, init: { method, headers: Object.fromEntries(new Headers(headers)), body } };
  parentPort.postMessage({ type: "fetch", id, request });
  const { status, headers: answered, body: text, error } = await answer;
  if (error !== undefined) throw new Error(error);
  return new Response(text, { status, headers: answered });
};

const counter = () => ({ incr() {}, decr() {} });
const timing = () => ({ measure: () => ({ stop() {} }) });

function enter({ appContext, endsAt }) {
  globalThis.__forge_runtime__ = {
    appContext,
    lambdaContext: { getRemainingTimeInMillis: () => endsAt - Date.now() },
    metrics: { counter, timing },
    tracing: { traceId: randomBytes(8).toString("hex"), spanId: randomBytes(8).toString("hex") },
  };
}

parentPort.on("message", async ({ type, id, answer, handler, args, runtime }) => {
  if (type === "answer") {
    asked.get(id)(answer);
    asked.delete(id);
    return;
  }
  enter(runtime);
  try {
    parentPort.postMessage({ type: "done", answer: JSON.stringify(await functionOf(handler)(...args)) });
  } catch (error) {
    parentPort.postMessage({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  }
});

/** `index.resolver` is the export `resolver` of index.cjs. */
function functionOf(handler) {
  const [file, name] = handler.split(".");
  const found = require(path.join(bundle, `${file}.cjs`))[name];
  if (typeof found !== "function") throw new Error(`the bundle has no ${handler}, which the manifest names`);
  return found;
}

// Modules are loaded before the first invocation, as on Forge.
for (const handler of handlers) functionOf(handler);
parentPort.postMessage({ type: "loaded" });
