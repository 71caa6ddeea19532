// Functions that ask Forge for one thing each, for the tests of the stand-in.
const { asUser, asApp, assumeTrustedRoute, fetch: forgeFetch } = require("@forge/api");
const { InvocationError, Queue } = require("@forge/events");
const { kvs, WhereConditions } = require("@forge/kvs");
const Resolver = require("@forge/resolver").default;

const queue = new Queue({ key: "later" });
let calls = 0;

/** What a call of one of Atlassian's packages comes to. */
const outcome = (call) => call.then((value) => ({ value }), ({ name, code, message }) => ({ name, code, message }));
const brief = async (answer) => ({ status: answer.status, text: await answer.text(), proxy: answer.headers.get("forge-proxy-error") });

const functions = {
  who: ({ payload, context }) => ({ payload, context, environment: { ...process.env } }),
  count: () => ({ calls: (calls += 1) }),
  kvs: ({ payload: [method, ...words] }) => outcome(kvs[method](...words)),
  query: ({ payload: { prefix, limit, cursor } }) => {
    const query = kvs.query().where("key", WhereConditions.beginsWith(prefix)).limit(limit);
    return outcome((cursor === undefined ? query : query.cursor(cursor)).getMany());
  },
  entity: () => outcome(kvs.entity("e").get("k")),
  jira: ({ payload: { path, as } }) => outcome((as === "app" ? asApp() : asUser()).requestJira(assumeTrustedRoute(path)).then(brief)),
  fetch: async ({ payload: { url } }) => [await brief(await fetch(url)), await brief(await forgeFetch(url))],
  push: ({ payload }) => outcome(queue.push(payload)),
  throw: () => {
    throw new Error("as they please");
  },
  crash: () => process.exit(3),
  hang: () => new Promise(() => {}),
  answer: ({ payload: { length } }) => "x".repeat(length),
};

const resolver = new Resolver();
for (const [key, call] of Object.entries(functions)) resolver.define(key, call);
exports.resolver = resolver.getDefinitions();

/** Does with each event what its body says, and tells `url` of it. */
exports.consumer = async (event) => {
  const { url, failures = [] } = event.body;
  await fetch(url, { method: "POST", body: JSON.stringify(event) });
  const failure = failures[event.retryContext?.retryCount ?? 0];
  if (failure === "again") return new InvocationError({ retryAfter: 1, retryReason: "FUNCTION_RETRY_REQUEST", retryData: { said: "so" } });
  if (failure === "throw") throw new Error("no more");
  if (failure === "hang") await new Promise(() => {});
};
