// The main job, to be seen: a function publishes signed events, two open pages have them, in order, once.
// Everything that talks to the relay here is a published library: standardwebhooks signs, jsonwebtoken mints,
// socket.io-client receives.
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:net";
import jwt from "jsonwebtoken";
import { io } from "socket.io-client";
import { Webhook } from "standardwebhooks";

const SESSION = "poker-7";
const keyBytes = randomBytes(32);
const secret = `whsec_${keyBytes.toString("base64")}`;

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const who = { relay: "2", forge: "35", alice: "36", bob: "33" };
const say = (name, text) => console.log(`  ${paint(who[name] ?? "0", name.padEnd(6))} ${text}`);
const faint = (text) => paint("2", text);
const pause = (ms) => new Promise((done) => setTimeout(done, colour ? ms : 0));

const pages = [];
let relay;
let ending = false;

// ---- the relay -------------------------------------------------------------------------------------------------------

async function startRelay() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // None of the settings that the caller's own relay may have.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RELAY_"));
  relay = spawn(process.env.DEMO_RELAY, ["serve"], {
    env: { ...Object.fromEntries(inherited), RELAY_SECRET: secret, RELAY_BIND: `127.0.0.1:${port}`, RELAY_LOG: "warn" },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true, // a group of its own: on Ctrl-C the pages leave first, then we end the relay
  });
  relay.on("exit", (code) => ending || fail(`the relay ended by itself, with ${code}`));
  relay.on("error", (error) => fail(`the relay cannot be started: ${error.message}`));
  for (let tries = 0; tries < 200; tries++) {
    if (await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false)) return url;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("the relay is not ready after 10 s");
}

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer().once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// ---- what a Forge function does --------------------------------------------------------------------------------------

const webhook = new Webhook(secret);

async function publish(url, event, payload, nonce = randomUUID()) {
  const now = new Date();
  const body = JSON.stringify({ sessionId: SESSION, event, payload, nonce, timestamp: now.toISOString() });
  const id = `msg_${randomUUID()}`;
  say("forge", `→ ${event} ${faint(JSON.stringify(payload))}`);
  const answer = await fetch(`${url}/events`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now / 1000)),
      "webhook-signature": webhook.sign(id, now, body),
    },
    body,
  });
  const receipt = await answer.json();
  if (answer.status !== 202) throw new Error(`publish answered ${answer.status}: ${JSON.stringify(receipt)}`);
  say("forge", `  202, ${receipt.duplicate ? "duplicate of" : "it is"} event ${receipt.seq}`);
  return receipt;
}

const mint = (account) =>
  jwt.sign({ sub: account, sessionId: SESSION, scope: ["subscribe"], jti: randomUUID() }, keyBytes, { expiresIn: 300 });

// ---- what a page does ------------------------------------------------------------------------------------------------

function openPage(url, name) {
  const page = { name, seen: [], cursor: undefined };
  page.socket = io(url, {
    forceNew: true,
    autoConnect: false,
    auth: (answer) => answer({ token: mint(name), cursor: page.cursor }),
  });
  page.socket.on("relay:ready", (ready) => {
    page.cursor = ready.cursor;
    say(name, ready.recovered ? `is back: ${ready.replayed} missed, on their way` : "is here");
  });
  page.socket.on("relay:resync", (resync) => {
    page.cursor = resync.cursor;
    say(name, `must load its state again: ${resync.reason}`);
  });
  page.socket.on("event", (event) => {
    page.cursor = event.cursor;
    page.seen.push(event.seq);
    say(name, `← ${event.seq} ${event.event} ${faint(JSON.stringify(event.payload))}`);
  });
  page.socket.on("connect_error", (error) => fail(`${name} cannot connect: ${error.message}`));
  pages.push(page);
  return page;
}

const connected = (page) =>
  new Promise((done) => {
    page.socket.once("relay:ready", done);
    page.socket.connect();
  });

async function arrived(page, seq) {
  for (let tries = 0; page.seen.at(-1) !== seq; tries++) {
    if (tries > 1000) throw new Error(`${page.name} has ${page.seen}, and not ${seq} after 5 s`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

// ---- the show --------------------------------------------------------------------------------------------------------

async function show(url) {
  const alice = openPage(url, "alice");
  const bob = openPage(url, "bob");
  await connected(alice);
  await connected(bob);
  await pause(600);

  console.log("\n  A function publishes; both pages have it.");
  for (const [event, payload] of [
    ["round.started", { issueKey: "SCRUM-1" }],
    ["vote.cast", { issueKey: "SCRUM-1", participantId: "alice" }],
    ["vote.cast", { issueKey: "SCRUM-1", participantId: "bob" }],
  ]) {
    const { seq } = await publish(url, event, payload);
    await Promise.all([arrived(alice, seq), arrived(bob, seq)]);
    await pause(600);
  }

  console.log("\n  Bob's network goes away; the round goes on.");
  bob.socket.disconnect();
  let last;
  for (const [event, payload] of [
    ["votes.revealed", { alice: "5", bob: "8" }],
    ["round.started", { issueKey: "SCRUM-1", again: true }],
    ["vote.cast", { issueKey: "SCRUM-1", participantId: "alice" }],
  ]) {
    last = await publish(url, event, payload);
    await arrived(alice, last.seq);
    await pause(600);
  }

  console.log("\n  Bob comes back with its cursor: what it missed, in order, before anything new.");
  await connected(bob);
  await arrived(bob, last.seq);
  await pause(600);

  console.log("\n  A function is not sure that its publish arrived, and sends it again.");
  const nonce = randomUUID();
  await publish(url, "estimate.applied", { issueKey: "SCRUM-1", value: 5 }, nonce);
  const { seq } = await publish(url, "estimate.applied", { issueKey: "SCRUM-1", value: 5 }, nonce);
  await Promise.all([arrived(alice, seq), arrived(bob, seq)]);
  await pause(600);

  const expected = Array.from({ length: seq }, (_, index) => index + 1).join(" ");
  for (const page of pages) {
    if (page.seen.join(" ") !== expected) throw new Error(`${page.name} has ${page.seen}, not ${expected}`);
  }
  console.log(`\n  ${paint("32", "✓")} alice and bob have events 1 to ${seq}: each, in order, once.\n`);
}

function invite(url) {
  console.log(`  The relay stays at ${url}, until Ctrl-C. Publish to the session ${SESSION}:

    curl -sS ${url}/events -H 'authorization: Bearer ${secret}' -H 'content-type: application/json' \\
      -d '{"sessionId":"${SESSION}","event":"hello","payload":{},"nonce":"'$RANDOM$RANDOM'","timestamp":"'$(date -u +%FT%TZ)'"}'
`);
}

async function end(code) {
  if (ending) return;
  ending = true;
  for (const page of pages) page.socket.disconnect();
  if (relay?.pid && relay.exitCode === null) {
    const gone = new Promise((done) => relay.once("exit", done));
    relay.kill("SIGTERM");
    const killer = setTimeout(() => relay.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(killer);
  }
  process.exit(code);
}

function fail(reason) {
  if (ending) return;
  console.error(`\n  ${paint("31", "✗")} ${reason}\n`);
  end(1);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
process.stdout.on("error", () => {}); // the terminal may go before we do
process.stdin.on("end", () => end(0)).resume();

try {
  const url = await startRelay();
  console.log(`\n  Forge Relay on ${url}, in memory, with a secret made for this run\n`);
  await show(url);
  if (process.env.DEMO_KEEP) invite(url);
  else await end(0);
} catch (error) {
  fail(error.message);
}
