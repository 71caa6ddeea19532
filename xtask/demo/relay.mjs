// The relay: a process of its own, on a port that it keeps when it starts again.

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

const READY_WITHIN_MS = 20_000;
const ENDS_WITHIN_MS = 10_000;

/**
 * `state` is `stopped`, `starting`, `running`, `stopping`, or `failed`, and then `why` says what happened.
 * Emits `state` when it changes, and `line` for what the relay logs.
 */
export class Relay extends EventEmitter {
  state = "stopped";
  why = "";

  #program;
  #settings;
  #child;
  #said = "";
  #last = Promise.resolve();
  #isOver = false;

  /** `settings` are variables without their prefix: `{ TOKEN_LEEWAY: … }`. */
  constructor(program, port, settings) {
    super();
    this.#program = program;
    this.#settings = { BIND: `127.0.0.1:${port}`, LOG: "warn", LOG_FORMAT: "human", ...settings };
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Resolves when it takes requests; rejects with what it said when it does not. */
  start() {
    return this.#inTurn(() => this.#start());
  }

  /** As an orchestrator ends it: SIGTERM, and time to say goodbye. */
  stop() {
    return this.#inTurn(() => this.#stop());
  }

  restart() {
    return this.#inTurn(async () => {
      await this.#stop();
      await this.#start();
    });
  }

  /** The last stop, at once: nothing starts after it. */
  end() {
    this.#isOver = true;
    return this.#stop();
  }

  /** Two clicks are two actions, one after the other. */
  #inTurn(action) {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #start() {
    if (this.#isOver || this.#child !== undefined) return;
    this.#become("starting");
    this.#said = "";
    // None of the settings that the developer's own relay may have.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RELAY_"));
    const settings = Object.entries(this.#settings).map(([name, value]) => [`RELAY_${name}`, value]);
    const child = spawn(this.#program, ["serve"], {
      env: Object.fromEntries([...inherited, ...settings]),
      stdio: ["ignore", "ignore", "pipe"],
      detached: true, // a group of its own: Ctrl-C ends the demo, and the demo ends the relay
    });
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text) => this.#hear(text));
    child.on("error", (error) => this.#ended(child, error.message));
    child.on("exit", (code, signal) => this.#ended(child, `it ended with ${signal ?? `code ${code}`}`));
    const end = Date.now() + READY_WITHIN_MS;
    while (!(await this.#isReady())) {
      if (this.#child !== child) throw new Error(this.why);
      if (Date.now() > end) {
        await this.#stop();
        this.#become("failed", `it takes no requests after ${READY_WITHIN_MS / 1000} s`);
        throw new Error(this.why);
      }
      await new Promise((done) => setTimeout(done, 20));
    }
    if (this.#child !== child) throw new Error(this.why);
    this.#become("running");
  }

  async #isReady() {
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  async #stop() {
    const child = this.#child;
    if (child === undefined) return this.#become("stopped");
    this.#become("stopping");
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), ENDS_WITHIN_MS);
    await ended;
    clearTimeout(killer);
  }

  #ended(child, how) {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.state === "stopping") return this.#become("stopped");
    const last = this.#said.trim().split("\n").at(-1).replace(/^\S+Z +[A-Z]+ [\w:]+: /, ""); // without time, level and module
    this.#become("failed", last ? `${how}: ${last}` : how);
  }

  #hear(text) {
    this.#said = (this.#said + text).slice(-4_000);
    for (const line of text.split("\n")) if (line.trim() !== "") this.emit("line", line);
  }

  #become(state, why = "") {
    this.state = state;
    this.why = why;
    this.emit("state", state);
  }
}
