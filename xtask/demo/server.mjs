// The demo's own page, what it shows, and what its buttons do.

import http from "node:http";
import path from "node:path";

import { fileOf, send, sendNothing } from "./files.mjs";
import { HERE } from "./paths.mjs";
import { listen } from "./ports.mjs";

const PAGE = path.join(HERE, "page");
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src http://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** Forge takes 500 KB from a page. */
const LARGEST_BODY = 1024 * 1024;
/** Changes that come together are shown together. */
const TOGETHER_MS = 30;

/** What cannot be done, in words for the person who asked. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Server {
  #server = http.createServer((request, answer) => {
    this.#answer(request, answer).catch(() => answer.destroy());
  });
  #watchers = new Set();
  #soon;
  /** Makes what the page shows. */
  #state = () => ({});
  /** What can be posted, by name: functions of the body. */
  #actions = {};

  async listen(port) {
    this.host = `127.0.0.1:${await listen(this.#server, port)}`;
    this.url = `http://${this.host}/`;
  }

  /** From now on it has something to show. */
  open(state, actions) {
    this.#state = state;
    this.#actions = actions;
    this.changed();
  }

  changed() {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      const text = this.#text();
      for (const watcher of this.#watchers) watcher.write(text);
    }, TOGETHER_MS);
  }

  stop() {
    clearTimeout(this.#soon);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #text() {
    return `data: ${JSON.stringify(this.#state())}\n\n`;
  }

  async #answer(request, answer) {
    // A foreign name that leads here is no way in, and nor are pages from elsewhere, the panes among them.
    if (request.headers.host !== this.host) return sendNothing(answer, 421);
    const { pathname } = new URL(request.url, this.url);
    if (request.method === "POST") return this.#act(pathname, request, answer);
    if (!["GET", "HEAD"].includes(request.method)) return sendNothing(answer, 405);
    if (pathname === "/api/state") return this.#watch(request, answer);
    const file = await fileOf(PAGE, pathname === "/" ? "/index.html" : pathname);
    if (file === undefined) return sendNothing(answer, 404);
    send(answer, file, { "content-security-policy": POLICY, "referrer-policy": "no-referrer" });
  }

  #watch(request, answer) {
    answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    answer.write(`retry: 500\n${this.#text()}`);
    this.#watchers.add(answer);
    request.on("close", () => this.#watchers.delete(answer));
  }

  async #act(pathname, request, answer) {
    const name = pathname.replace("/api/", "");
    if (!Object.hasOwn(this.#actions, name)) return sendNothing(answer, 404);
    if (request.headers.origin !== `http://${this.host}`) return sendNothing(answer, 403);
    if (request.headers["content-type"] !== "application/json") return sendNothing(answer, 415);
    let [status, body] = [200];
    try {
      body = { ok: true, value: await this.#actions[name](await bodyOf(request)) };
    } catch (error) {
      // What was understood and did not work, such as a function that rejects, is an answer like any other.
      if (error instanceof Refusal) status = error.status;
      body = { ok: false, error: error.message };
    }
    answer.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    answer.end(JSON.stringify(body));
  }
}

async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST_BODY) throw new Refusal(413, "that is too much");
    chunks.push(chunk);
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    if (typeof body === "object" && body !== null) return body;
  } catch {}
  throw new Refusal(400, "a JSON object was expected");
}
