// The Custom UI as Atlassian's CDN serves it: under the header that Atlassian's own package makes from the manifest, from
// an origin of its own. Here everybody has one, which is a port; it is how the weather tells their pages apart.

import http from "node:http";
import path from "node:path";

import { fileOf, send, sendNothing } from "./files.mjs";
import { APP, HERE } from "./paths.mjs";
import { listen } from "./ports.mjs";

const PAGE = path.join(APP, "ui", "dist");
/** What is loaded before the app's own scripts: Forge's bridge, and what a browser says when its network comes and goes. */
const SCRIPTS = {
  "/__forge/bridge.js": path.join(HERE, "forge"),
  "/__demo/network.js": path.join(HERE, "page"),
};

export class Panes {
  #headers;
  #servers = [];

  /** `headers` makes those of a page from its HTML. */
  constructor(headers) {
    this.#headers = headers;
  }

  /** One more person's page; answers with its origin. */
  async open() {
    const server = http.createServer((request, answer) => {
      this.#answer(request, answer).catch(() => answer.destroy());
    });
    this.#servers.push(server);
    return `http://127.0.0.1:${await listen(server)}`;
  }

  stop() {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  async #answer(request, answer) {
    const { pathname } = new URL(request.url, "http://pane");
    if (!["GET", "HEAD"].includes(request.method)) return sendNothing(answer, 405);
    if (pathname in SCRIPTS) return send(answer, await fileOf(SCRIPTS[pathname], path.basename(pathname)));
    const file = await fileOf(PAGE, pathname === "/" ? "/index.html" : pathname);
    if (file === undefined) return sendNothing(answer, 404);
    if (!file.kind.startsWith("text/html")) return send(answer, file);
    const scripts = Object.keys(SCRIPTS).map((script) => `<script src="${script}"></script>`);
    const html = file.bytes.toString().replace("<head>", `<head>${scripts.join("")}`);
    send(answer, { kind: file.kind, bytes: html }, await this.#headers(html));
  }
}
