// The demo: planning poker in everybody's panes, and a panel that shows what the relay does for them.
//
//   pane (Alice) ─┐                       ┌─ relay      a process of its own
//   pane (Bob)   ─┼── weather ────────────┤
//   pane (Carol) ─┘                       └─ functions  the bundled app, in the stand-in for Forge
//
// `cargo xtask demo` builds what is needed and starts this. By itself: DEMO_RELAY is the relay's program, DEMO_APP the
// built app, DEMO_PORT the page's port, DEMO_OPEN=0 leaves the browser closed.

import { randomBytes } from "node:crypto";
import { existsSync, fstatSync } from "node:fs";
import path from "node:path";

import { ForgeApp } from "./forge/app.mjs";
import { Invocations } from "./invocations.mjs";
import { manifestFor } from "./manifest.mjs";
import { open } from "./open.mjs";
import { Panes } from "./panes.mjs";
import { APP, RELAY } from "./paths.mjs";
import { People } from "./people.mjs";
import { freePort } from "./ports.mjs";
import { Relay } from "./relay.mjs";
import { faint, say, sayEvent, sayNote, sayTrouble, strong } from "./say.mjs";
import { Refusal, Server } from "./server.mjs";
import { Subscription } from "./subscription.mjs";
import { Timeline } from "./timeline.mjs";
import { Weather } from "./weather.mjs";

const NAMES = ["Alice", "Bob", "Carol"];
/** Everybody's page may need a connection or two to the relay, and Chromium has six for a host. */
const MOST_PEOPLE = 5;
const ISSUE = { id: "10007", key: "SHOP-7", summary: "Checkout remembers the delivery address", projectKey: "SHOP", boardId: 1, estimate: null };
/** Short, so that one can see a token end. */
const TOKEN_SECONDS = 20;

const secret = `whsec_${randomBytes(32).toString("base64")}`;
/** What ends what was started, in the order of the start. */
const ends = [];
let isEnding = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
process.on("uncaughtException", (error) => fail(error.stack));
// A pipe is a lifeline: its end says that whoever started us is gone, however they went.
if (isPipe(0)) process.stdin.on("end", () => end(0)).resume();

try {
  await start();
} catch (error) {
  fail(error.message);
}

async function start() {
  if (!existsSync(RELAY)) throw new Error(`there is no relay at ${RELAY}: \`cargo xtask demo\` builds it`);
  for (const made of ["bundle/index.cjs", "ui/dist/index.html"]) {
    if (!existsSync(path.join(APP, made))) throw new Error(`there is no ${path.join(APP, made)}: \`cargo xtask demo\` builds it`);
  }

  const server = new Server();
  const port = Number(process.env.DEMO_PORT ?? 0);
  await server.listen(port).catch((error) => {
    throw new Error(error.code === "EADDRINUSE" ? `port ${port} is in use: another one, or none for any that is free` : `port ${port}: ${error.message}`);
  });
  ends.push(() => server.stop());

  const relay = new Relay(RELAY, await freePort(), {
    SECRET: secret,
    ALLOWED_ORIGINS: "http://127.0.0.1:*",
    LIMITS_TOKEN_LEEWAY: "1s", // everybody here reads the same clock
  });
  relay.on("line", (line) => sayNote(`relay: ${line}`));
  ends.push(() => relay.end());
  await relay.start().catch((error) => {
    throw new Error(`the relay did not start: ${error.message}`);
  });

  const weather = await Weather.start(relay.port);
  ends.push(() => weather.stop());

  const app = await ForgeApp.start({
    bundle: path.join(APP, "bundle"),
    manifest: manifestFor(weather.url),
    variables: { RELAY_URL: weather.url, RELAY_SECRET: secret, TOKEN_SECONDS: String(TOKEN_SECONDS) },
    site: { cloudId: "1d5c0de0-0000-4000-8000-000000000001", host: server.host },
    people: [],
    issues: [ISSUE],
  });
  ends.push(() => app.stop());
  app.on("log", (line) => sayNote(`function: ${line}`));

  const panes = new Panes((html) => app.pageHeaders(html));
  ends.push(() => panes.stop());
  const timeline = new Timeline();
  const people = new People(weather, timeline);
  const invocations = new Invocations(app, people, ISSUE.id);

  async function seat(name) {
    const id = name.toLowerCase();
    if (people.all.length === MOST_PEOPLE) throw new Refusal(409, `${MOST_PEOPLE} people are as many as a browser has connections for`);
    if (people.get(id) !== undefined) throw new Refusal(409, `${name} is here already`);
    app.addPerson({ accountId: id, name });
    people.add({ id, name, origin: await panes.open() });
  }
  for (const name of NAMES) await seat(name);

  // Who sits down first lays the table, and is its host. It also shows at once whether the functions run.
  const host = people.all[0];
  const joined = await invocations.invoke(host, "joinTable");
  if (!joined.ok) throw new Error(`${host.name} cannot sit down: ${joined.message}`);

  const subscription = new Subscription({ url: relay.url, secret, session: joined.sessionId });
  ends.push(() => subscription.stop());
  subscription.on("event", (event) => timeline.add(event));
  void subscription.run();

  for (const each of [timeline, people, invocations]) each.on("change", () => server.changed());
  app.on("queue", () => server.changed());
  timeline.on("event", sayEvent);
  people.on("note", (text, person) => note(text, person.id));
  relay.on("state", (state) => {
    server.changed();
    if (state === "running") note("The relay runs, and its memory is empty");
    if (state === "stopping") note("The relay says goodbye to everybody, and ends");
    if (state !== "failed") return;
    timeline.note("The relay has ended by itself");
    sayTrouble(`the relay has ended by itself: ${relay.why}`);
  });

  function note(text, person) {
    timeline.note(text, person);
    sayNote(text);
  }

  const personOf = ({ person }) => {
    const found = people.get(person);
    if (found === undefined) throw new Refusal(404, "nobody of that name is here");
    return found;
  };
  server.open(
    () => ({
      people: people.all,
      hasRoom: people.all.length < MOST_PEOPLE,
      relay: { state: relay.state, why: relay.why },
      outbox: app.queue.waiting,
      issue: app.jira.issue(ISSUE.id),
      session: joined.sessionId,
      head: timeline.head,
      entries: timeline.entries,
      calls: invocations.latest,
    }),
    {
      invoke: ({ key, payload, ...rest }) => invocations.invoke(personOf(rest), key, payload),
      context: (body) => app.context({ accountId: personOf(body).id, issueId: ISSUE.id }),
      weather: (body) => people.set(personOf(body), skyOf(body)),
      relay: ({ action }) => {
        if (!["start", "stop", "restart"].includes(action)) throw new Refusal(400, "action is start, stop or restart");
        return relay[action]();
      },
      people: ({ name }) => {
        if (typeof name !== "string" || !/^[A-Za-z]{1,20}$/.test(name)) throw new Refusal(400, "a name has 1 to 20 letters");
        return seat(name);
      },
    },
  );

  say();
  say(`${strong("Planning poker:")} ${server.url}`);
  say(faint("Three people at one table, a relay, and what Forge does, all on this machine. Ctrl-C ends it."));
  say();
  if (process.env.DEMO_OPEN !== "0") open(server.url);
}

const SKIES = { network: ["pass", "cut"], websockets: ["pass", "blocked"], tokens: ["pass", "held"] };

function skyOf(body) {
  const sky = {};
  for (const [what, values] of Object.entries(SKIES)) {
    if (body[what] === undefined) continue;
    if (!values.includes(body[what])) throw new Refusal(400, `${what} is ${values.join(" or ")}`);
    sky[what] = body[what];
  }
  return sky;
}

async function end(code) {
  if (isEnding) return;
  isEnding = true;
  for (const stop of ends.reverse()) {
    try {
      await stop();
    } catch (error) {
      sayTrouble(error.message);
      code = 1;
    }
  }
  process.exit(code);
}

function fail(reason) {
  if (isEnding) return;
  sayTrouble(reason);
  void end(1);
}

function isPipe(descriptor) {
  try {
    const stat = fstatSync(descriptor);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false; // closed, or nothing
  }
}
