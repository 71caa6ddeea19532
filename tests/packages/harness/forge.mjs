// Planning poker as it was built, in the demo's stand-in for Forge, against a relay of its own.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import YAML from "yaml";

import { ForgeApp } from "../../../xtask/demo/forge/app.mjs";
import { Storage } from "../../../xtask/demo/forge/storage.mjs";
import { variable } from "./consumer.mjs";
import { SECRET, subscribe } from "./relay.mjs";

/** The app as `cargo xtask demo` and a developer build it. */
export const built = variable("DEMO_APP");
export const CLOUD = "11111111-2222-4333-8444-555555555555";
export const ISSUE = "10007";
const PLACEHOLDER = "https://relay.example.com";

/** The manifest, with the relay's address in place of the example's. */
export const manifestFor = (url) => YAML.parse(readFileSync(join(built, "manifest.yml"), "utf8").replaceAll(PLACEHOLDER, url));

/** An app that ends with the test. `relay` is what `startRelay` answered; the rest replaces what is usual. */
export async function startApp(t, relay, { variables = {}, ...options } = {}) {
  const app = await ForgeApp.start({
    bundle: join(built, "bundle"),
    manifest: manifestFor(relay.url),
    variables: { RELAY_URL: relay.url, RELAY_SECRET: SECRET, ...variables },
    site: { cloudId: CLOUD, host: "127.0.0.1:1" },
    people: ["alice", "bob", "carol", "mallory"].map((accountId) => ({ accountId, name: accountId.replace(/^./, (first) => first.toUpperCase()) })),
    issues: [
      { id: ISSUE, key: "SHOP-7", summary: "Checkout remembers the address", projectKey: "SHOP", boardId: 1, estimate: null, viewers: ["alice", "bob", "carol"] },
      { id: "10008", key: "SHOP-8", summary: "Another issue", projectKey: "SHOP", boardId: 1, estimate: null },
      { id: "20001", key: "OPS-1", summary: "An issue without a board", projectKey: "OPS", boardId: null, estimate: null },
    ],
    ...options,
  });
  t.after(() => app.stop());
  app.printed = [];
  app.on("log", (line) => app.printed.push(line));
  return app;
}

/** A storage in some other place: requests and answers are on their way for a while, some of them for long. */
export class FarStorage extends Storage {
  async answer(path, body) {
    await pause(30 * Math.random() ** 4);
    const answer = super.answer(path, body);
    await pause(30 * Math.random() ** 4);
    return answer;
  }
}

/** What a person's page does: `page(app, "alice")("vote", { round: 1, card: "5" })`. */
export const page = (app, accountId, issueId = ISSUE) => (key, payload) => app.invoke({ accountId, issueId, key, payload });

/** Everybody sits down, the first as the host; answers their pages. */
export async function seated(app, ...accounts) {
  const pages = [];
  for (const account of accounts) {
    pages.push(page(app, account));
    const joined = await pages.at(-1)("joinTable");
    if (!joined.ok) throw new Error(`${account}: ${joined.message}`);
  }
  return pages;
}

export const session = (issue = ISSUE, cloud = CLOUD) => `poker:${cloud}:${issue}`;

/** The events that a stock client with a token of the app's hears from now on. */
export async function listen(t, relay, invoke) {
  const { token } = await invoke("getToken");
  const { left } = await subscribe(t, relay.url, token);
  return left;
}

/** The events of the log, oldest first. */
export async function log(relay, id = session()) {
  const answer = await fetch(`${relay.url}/sessions/${id}/events?limit=500`, { headers: { authorization: `Bearer ${SECRET}` } });
  if (!answer.ok) throw new Error(`the log answered ${answer.status}`);
  return (await answer.json()).events;
}

export const named = (events, name) => events.filter(({ event }) => event === name);

/** Until something holds; its last value. */
export async function until(holds, seconds = 15) {
  for (const end = Date.now() + seconds * 1_000; ; await pause(25)) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not after ${seconds} s: ${holds}`);
  }
}

/** What the app's pages share with its functions, among them `reduce`. */
export async function shared(t) {
  const folder = mkdtempSync(join(tmpdir(), "forge-relay-table-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = readFileSync(join(built, "shared/table.ts"), "utf8");
  const file = join(folder, "table.mjs");
  writeFileSync(file, ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText);
  return import(pathToFileURL(file).href);
}
