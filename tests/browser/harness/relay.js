// A relay in a process of its own, on a port that it keeps when it starts again.

import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";

import jwt from "jsonwebtoken";

import { publishBatch } from "./publish.js";
import { RELAY } from "./paths.js";
import { freePort } from "./ports.js";
import { until } from "./until.js";

export class Relay {
  #process;
  #said = "";
  #failed;

  constructor(port, settings) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.key = randomBytes(32);
    this.secret = `whsec_${this.key.toString("base64")}`;
    this.settings = settings;
  }

  /** `settings` are variables without their prefix: `{ LIMITS_PING_INTERVAL: "1s" }`. */
  static async start(settings = {}) {
    const relay = new Relay(await freePort(), settings);
    await relay.start();
    return relay;
  }

  async start() {
    const env = { PATH: process.env.PATH };
    const settings = {
      BIND: `127.0.0.1:${this.port}`,
      SECRET: this.secret,
      ALLOWED_ORIGINS: "http://127.0.0.1:*",
      LOG: "warn",
      LIMITS_TOKEN_LEEWAY: "1s",
      ...this.settings,
    };
    for (const [name, value] of Object.entries(settings)) env[`RELAY_${name}`] = value;
    const child = spawn(RELAY, ["serve"], { env, stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    child.on("error", (error) => (this.#failed = error));
    child.stderr.on("data", (text) => (this.#said = (this.#said + text).slice(-4_000)));
    await until(`the relay on port ${this.port}`, async () => {
      if (child.exitCode !== null || this.#failed !== undefined) throw new Error(`the relay did not start: ${this.#said}`, { cause: this.#failed });
      return (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok === true;
    });
  }

  /** As `kill -9` does it: nobody is told. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** As an orderly shutdown begins. */
  terminate() {
    return this.#end("SIGTERM");
  }

  async #end(signal) {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** A token of `life` seconds. */
  token({ account = "acct-1", session, life = 300, ...claims }) {
    const iat = Math.floor(Date.now() / 1_000);
    return jwt.sign({ sub: account, sessionId: session, scope: ["subscribe"], iat, exp: iat + life, jti: randomUUID(), ...claims }, this.key);
  }

  publishBatch(events) {
    return publishBatch(this, events);
  }

  /** How many clients it has. */
  async clients() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const found = /^connected_clients(?:\{[^}]*\})? (\d+)/m.exec(text);
    if (found === null) throw new Error(`no connected_clients in ${text}`);
    return Number(found[1]);
  }

  /** None, within the deadline. */
  noClients() {
    return until("a relay without clients", async (seen) => {
      const clients = await this.clients();
      seen(clients);
      return clients === 0;
    });
  }
}
