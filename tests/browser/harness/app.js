// The app behind a page: it keeps the state, writes it before it publishes, answers snapshot calls, hands out tokens,
// and serves the built pages. In Forge these are functions; here it is one small server.

import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";

import { listen } from "./ports.js";
import { pause } from "./until.js";

const KINDS = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml" };
const BATCH = 100;

export class App {
  /** How `getToken` fares: a function of the request's query that answers with `{ status, body }`. */
  tokens = ({ session, account }) => ({ status: 200, body: { token: this.relay.token({ session, account, life: this.tokenLife }) } });
  tokenLife = 300;
  /** How long a snapshot takes to be made, and then to arrive. */
  snapshotPause = 0;
  asked = { tokens: 0, snapshots: 0 };
  /** The header of the pages, such as a Content-Security-Policy. */
  headers = {};
  /** The paths of what pages have loaded. */
  loaded = [];

  #boards = new Map();
  #server;

  constructor(relay, folder) {
    this.relay = relay;
    this.folder = folder;
  }

  static async start(relay, folder) {
    const app = new App(relay, folder);
    app.#server = http.createServer((request, answer) => {
      app.#answer(request, answer).catch(() => answer.destroy());
    });
    app.url = `http://127.0.0.1:${await listen(app.#server)}`;
    return app;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** The state of a session: the number of its last event, and under each key the last number set there. */
  board(session) {
    let board = this.#boards.get(session);
    if (board === undefined) this.#boards.set(session, (board = { state: { last: 0, cells: {} }, cursor: null }));
    return board;
  }

  /** So many events, numbered on from the last one, `size` in a batch: each is written, and then published. */
  async publish(session, count, { size = BATCH, pad } = {}) {
    const board = this.board(session);
    for (let left = count; left > 0; left -= size) {
      const events = [];
      for (let index = 0; index < Math.min(size, left); index += 1) {
        const n = (board.state.last += 1);
        const cell = `c${n % 7}`;
        board.state.cells[cell] = n;
        events.push({ sessionId: session, event: n % 2 === 0 ? "cell.set" : "cell.put", payload: { n, cell, pad } });
      }
      board.cursor = (await this.relay.publishBatch(events)).at(-1).cursor;
    }
  }

  async #answer(request, answer) {
    const { pathname, searchParams } = new URL(request.url, "http://app");
    const query = Object.fromEntries(searchParams);
    if (pathname === "/app/token") {
      this.asked.tokens += 1;
      const { status, body } = await this.tokens(query);
      return json(answer, status, body);
    }
    if (pathname === "/app/board") {
      this.asked.snapshots += 1;
      const { state, cursor } = structuredClone(this.board(query.session));
      await pause(this.snapshotPause);
      return json(answer, 200, query.placed === undefined ? state : { state, cursor });
    }
    return this.#file(pathname, answer);
  }

  async #file(pathname, answer) {
    const file = path.join(this.folder, path.normalize(pathname));
    const kind = KINDS[path.extname(file)];
    const content = kind && (await readFile(file).catch(() => undefined));
    if (content === undefined) return json(answer, 404, {});
    this.loaded.push(pathname);
    answer.writeHead(200, { "content-type": kind, "cache-control": "no-store", ...this.headers });
    answer.end(content);
  }
}

function json(answer, status, body) {
  answer.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  answer.end(JSON.stringify(body));
}
