// A relay as an operator runs it, on a port of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

import { variable } from "./consumer.mjs";

export const SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/** Starts one; it ends with the test. `settings` are variables of its environment. */
export async function startRelay(t, settings = {}) {
  const child = spawn(variable("FORGE_RELAY_BIN"), ["serve"], {
    cwd: tmpdir(),
    env: { RELAY_SECRET: SECRET, RELAY_BIND: "127.0.0.1:0", RELAY_LOG_FORMAT: "json", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  t.after(stop);
  const port = await new Promise((resolve, reject) => {
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        log += `${line}\n`;
        const found = /127\.0\.0\.1:(\d+)/.exec(line);
        if (found) resolve(Number(found[1]));
      });
    }
    child.once("exit", () => reject(new Error(`the relay ended:\n${log}`)));
  });
  return { url: `http://127.0.0.1:${port}`, port, stop };
}

/** A stock client in a session; `next()` waits for its next event. */
export async function subscribe(t, url, token) {
  const socket = io(url, { auth: { token }, reconnection: false, transports: ["websocket"], forceNew: true });
  t.after(() => socket.disconnect());
  const events = [];
  const waiting = [];
  socket.on("event", (event) => (waiting.shift() ?? ((late) => events.push(late)))(event));
  await new Promise((resolve, reject) => {
    socket.once("relay:ready", resolve);
    socket.once("connect_error", reject);
  });
  return {
    next: () => (events.length > 0 ? Promise.resolve(events.shift()) : new Promise((resolve) => waiting.push(resolve))),
    /** What came and nobody asked for. */
    left: events,
  };
}
