// A real Chromium, and what its pages say.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";

import { chromium } from "playwright-core";

import { CHROMIUM } from "./paths.js";
import { until } from "./until.js";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(more = []) {
  return chromium.launch({ executablePath: CHROMIUM, args: [...ARGUMENTS, ...more] });
}

/**
 * A browser whose pages are hidden, frozen and stopped like anybody's: without the emulation that keeps pages under
 * test awake.
 */
export async function launchPlain() {
  const profile = await mkdtemp(path.join(os.tmpdir(), "forge-relay-chromium-"));
  const child = spawn(
    CHROMIUM,
    ["--headless", "--remote-debugging-port=0", `--user-data-dir=${profile}`, ...ARGUMENTS, "about:blank"],
    { stdio: ["ignore", "ignore", "pipe"], detached: true },
  );
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  // All of its processes are one group.
  const signal = (name) => process.kill(-child.pid, name);
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      signal("SIGKILL");
      await ended;
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const address = await until("Chromium's address", () => /ws:\/\/\S+/.exec(said)?.[0]);
    const browser = await chromium.connectOverCDP(address, { noDefaults: true });
    return {
      context: browser.contexts()[0],
      sleep: () => signal("SIGSTOP"),
      wake: () => signal("SIGCONT"),
      end: async () => {
        await browser.close().catch(() => {});
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Listens to what a page says and asks for. */
export function watch(page) {
  const heard = { errors: [], violations: [], sockets: [], open: new Set() };
  page.on("pageerror", (error) => heard.errors.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") heard.errors.push(`console: ${message.text()}`);
    if (message.text().startsWith("violation: ")) heard.violations.push(message.text());
  });
  page.on("websocket", (socket) => heard.sockets.push(socket));
  page.on("request", (request) => heard.open.add(request));
  page.on("requestfinished", (request) => heard.open.delete(request));
  page.on("requestfailed", (request) => heard.open.delete(request));
  return heard;
}
