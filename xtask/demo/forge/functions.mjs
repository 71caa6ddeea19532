// The app's functions, in worker threads. Like the processes that Forge runs them in, each takes one invocation at a time
// and keeps its globals for the next; has no environment but the app's variables; and is ended when it takes too long.

import path from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

/** As many invocations at a time; more wait. */
const MOST = 8;

export class Functions {
  #options;
  #instances = new Set();
  #idle = [];
  #waiting = [];
  #isStopped = false;

  /**
   * `handlers` are the manifest's, `allowed` are the addresses that functions may go to, `platform(request, invocation)`
   * answers what they ask of Atlassian, `log(line)` is told what they print.
   */
  constructor(options) {
    this.#options = options;
  }

  /** Throws where the bundle cannot be loaded, or has not what the manifest names. */
  async start() {
    this.#idle.push(await this.#open());
  }

  /** The JSON that the handler answers with, or `undefined`. */
  async run(call, timeoutMs) {
    const instance = await this.#instance();
    try {
      return await instance.run(call, timeoutMs);
    } finally {
      this.#give(instance);
    }
  }

  async stop() {
    this.#isStopped = true;
    for (const { reject } of this.#waiting.splice(0)) reject(stopped());
    await Promise.all([...this.#instances].map((instance) => instance.end(stopped())));
  }

  async #instance() {
    if (this.#isStopped) throw stopped();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#instances.size < MOST) return this.#open();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #give(instance) {
    if (instance.isAlive) {
      const next = this.#waiting.shift();
      if (next !== undefined) next.resolve(instance);
      else this.#idle.push(instance);
      return;
    }
    this.#instances.delete(instance);
    const next = this.#isStopped ? undefined : this.#waiting.shift();
    if (next !== undefined) this.#open().then(next.resolve, next.reject);
  }

  async #open() {
    const instance = new Instance(this.#options);
    this.#instances.add(instance);
    try {
      await instance.loaded;
    } catch (error) {
      this.#instances.delete(instance);
      throw error;
    }
    return instance;
  }
}

const stopped = () => new Error("the app is stopped");

class Instance {
  isAlive = true;
  #worker;
  #platform;
  #invocation;
  /** What is waited for: that the bundle is loaded, then the end of an invocation. */
  #due;

  constructor({ bundle, variables, handlers, allowed, platform, log }) {
    this.#platform = platform;
    this.#worker = new Worker(new URL("worker.mjs", import.meta.url), {
      env: variables,
      workerData: { bundle: path.resolve(bundle), handlers, allowed },
      stdout: true,
      stderr: true,
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) createInterface({ input: stream }).on("line", log);
    this.#worker.on("message", (message) => this.#heard(message));
    this.#worker.on("error", (error) => this.#died(error));
    this.#worker.on("exit", (code) => this.#died(new Error(`the function's process ended with ${code}`)));
    this.loaded = this.#wait();
  }

  async run({ handler, args, runtime, invocation }, timeoutMs) {
    this.#invocation = invocation;
    const timer = setTimeout(() => this.end(Object.assign(new Error(`Task timed out after ${timeoutMs / 1_000} seconds`), { code: "FUNCTION_TIME_OUT" })), timeoutMs);
    try {
      const done = this.#wait();
      this.#worker.postMessage({ type: "invoke", handler, args, runtime });
      return await done;
    } finally {
      clearTimeout(timer);
    }
  }

  async end(reason) {
    this.#died(reason);
    await this.#worker.terminate();
  }

  #wait() {
    return new Promise((resolve, reject) => (this.#due = { resolve, reject }));
  }

  #died(reason) {
    this.isAlive = false;
    // Forge knows this from what a function throws itself.
    this.#due.reject(Object.assign(reason, { code: reason.code ?? "FUNCTION_PLATFORM_UNKNOWN_ERROR" }));
  }

  #heard(message) {
    switch (message.type) {
      case "loaded":
        return this.#due.resolve();
      case "done":
        return this.#due.resolve(message.answer);
      case "failed":
        return this.#due.reject(new Error(message.message));
      case "fetch":
        return this.#fetch(message);
    }
  }

  async #fetch({ id, request }) {
    let answer;
    try {
      const { status, headers = {}, body } = await this.#platform(request, this.#invocation);
      answer = { status, headers: { "content-type": "application/json", ...headers }, body: body === undefined ? null : JSON.stringify(body) };
    } catch (error) {
      answer = { error: error.message };
    }
    if (this.isAlive) this.#worker.postMessage({ type: "answer", id, answer });
  }
}
