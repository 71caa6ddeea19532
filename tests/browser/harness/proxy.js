// A proxy in front of a relay, whose weather changes while it runs.
//
//   page ──► proxy ──► relay        websockets: bytes both ways after the upgrade
//                                   streams:    answers of type text/event-stream
//                                   the rest:   one request, one answer, then the connection is closed

import { once } from "node:events";
import http from "node:http";
import net from "node:net";

import { listen } from "./ports.js";

export class Proxy {
  /** `pass`, `refuse` (403), `hang`, or `{ cutAfter }`: milliseconds after the upgrade, again and again. */
  websockets = "pass";
  /** `pass`, `hold-body` (the header passes), or `hold-all`. */
  streams = "pass";
  /** What came in, since the start. */
  seen = { websockets: 0, streams: 0, pages: 0, other: 0 };

  #target;
  #server;
  #sockets = new Set();
  #swallows = false;

  constructor(target) {
    this.#target = target;
  }

  static async start(target) {
    const proxy = new Proxy(target);
    proxy.port = await proxy.#listen(0);
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  /** Cuts every connection there is. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections are refused from now on, and those that are there are cut. */
  async refuse() {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    this.cut();
    await closed;
  }

  /**
   * Ends `refuse` and `swallow` for new connections. WebSockets and streams that were swallowed stay deaf: their bytes
   * are lost. Requests that were never answered are cut: Chromium does not take a preflight back when its page does, and
   * has no more than six connections for a host.
   */
  async pass() {
    this.#swallows = false;
    for (const socket of this.#sockets) if (socket.unanswered) socket.destroy();
    if (this.#server === undefined) await this.#listen(this.port);
  }

  /** A black hole: connections are taken, those that are there stay, and not a byte gets through. */
  swallow() {
    this.#swallows = true;
    for (const socket of this.#sockets) socket.deafen?.();
  }

  /** Nothing is read from the relay until `flow`: what it sends piles up there. */
  stall() {
    for (const socket of this.#sockets) socket.stall?.();
  }

  flow() {
    for (const socket of this.#sockets) socket.flow?.();
  }

  async stop() {
    await this.refuse();
    this.cut();
  }

  async #listen(port) {
    const server = http.createServer((request, answer) => this.#request(request, answer));
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    server.on("connection", (socket) => this.#keep(socket));
    server.on("clientError", (_error, socket) => socket.destroy());
    this.#server = server;
    return listen(server, port);
  }

  #keep(socket) {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    return socket;
  }

  #upgrade(request, socket, head) {
    this.seen.websockets += 1;
    if (this.#swallows || this.websockets === "hang") return void socket.resume();
    if (this.websockets === "refuse") {
      return void socket.end("HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<p>no\r\n");
    }
    const onward = this.#keep(net.connect({ host: "127.0.0.1", port: this.#target }));
    onward.on("connect", () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let at = 0; at < request.rawHeaders.length; at += 2) lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      onward.write(`${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on("close", () => socket.deaf || socket.destroy());
    socket.on("close", () => onward.deaf || onward.destroy());
    const { cutAfter } = this.websockets;
    if (cutAfter !== undefined) setTimeout(() => socket.destroy(), cutAfter).unref();
    onward.stall = () => onward.unpipe(socket);
    onward.flow = () => onward.pipe(socket);
    for (const [one, other] of [[socket, onward], [onward, socket]]) {
      one.deafen = () => {
        one.deaf = true;
        one.unpipe(other);
        one.resume();
      };
    }
  }

  #request(request, answer) {
    const isStream = request.headers.accept === "text/event-stream";
    const isPage = !isStream && request.method === "GET" && request.url.startsWith("/sessions/");
    this.seen[isStream ? "streams" : isPage ? "pages" : "other"] += 1;
    if (this.#swallows) {
      request.socket.unanswered = true;
      return void request.resume();
    }
    const headers = { ...request.headers, connection: "close" };
    const onward = http.request({ host: "127.0.0.1", port: this.#target, method: request.method, path: request.url, headers, agent: false });
    this.#keep(onward);
    onward.on("error", () => answer.destroy());
    onward.on("response", (inner) => {
      if (this.#swallows) return inner.resume();
      const held = isStream && request.method === "GET" ? this.streams : "pass";
      inner.on("error", () => answer.destroy());
      inner.on("aborted", () => answer.destroy());
      if (held === "hold-all") return inner.resume();
      answer.writeHead(inner.statusCode, { ...inner.headers, connection: "close" });
      answer.flushHeaders();
      if (held === "hold-body") return inner.resume();
      inner.pipe(answer);
      answer.socket.deafen = () => {
        inner.unpipe(answer);
        inner.resume();
      };
    });
    answer.on("close", () => onward.destroy());
    request.pipe(onward);
  }
}
