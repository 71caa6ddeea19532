// The network between the pages and the relay, whose weather changes for one person alone. Pages are told apart by their
// Origin; requests without one come from functions, and always pass.
//
//   page ──► weather ──► relay      network: pass | cut             nothing gets through, what is open breaks
//                                   websockets: pass | blocked      403, as some companies' proxies answer
//
// It reads along what the relay says to each page, and changes nothing of it.

import { EventEmitter } from "node:events";
import http from "node:http";
import net from "node:net";

import { EventStream } from "./eventstream.mjs";
import { Frames, packet } from "./frames.mjs";
import { listen } from "./ports.mjs";

const FORBIDDEN = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 24\r\nconnection: close\r\n\r\nWebSockets are blocked.\n";
/** A page of the log is at most 1 MiB. */
const LARGEST_BODY = 2 * 1024 * 1024;
const FAIR = { network: "pass", websockets: "pass" };

/**
 * Emits `open`, `heard` and `closed` with a line to a page: `{ origin, transport }`. What is heard has the name and the
 * data of one of the relay's messages; two more come from answers to plain requests, `page` and `refused`.
 */
export class Weather extends EventEmitter {
  #relay;
  #server = http.createServer((request, answer) => this.#request(request, answer));
  /** By Origin, where it is not fair. */
  #skies = new Map();
  /** What is open: `{ origin, isWebsocket, destroy }`. */
  #open = new Set();

  constructor(relayPort) {
    super();
    this.#relay = relayPort;
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  static async start(relayPort) {
    const weather = new Weather(relayPort);
    weather.port = await listen(weather.#server);
    weather.url = `http://127.0.0.1:${weather.port}`;
    return weather;
  }

  stop() {
    this.#server.close();
    for (const each of this.#open) each.destroy();
    this.#server.closeAllConnections();
  }

  /** For the page of this Origin, from now on, and for what it has open. */
  set(origin, sky) {
    this.#skies.set(origin, { ...this.#sky(origin), ...sky });
    const { network, websockets } = this.#sky(origin);
    for (const each of this.#open) {
      if (each.origin !== origin) continue;
      if (network === "cut" || (websockets === "blocked" && each.isWebsocket)) each.destroy();
    }
  }

  #sky(origin) {
    return this.#skies.get(origin) ?? FAIR;
  }

  #keep(origin, isWebsocket, destroy) {
    const each = { origin, isWebsocket, destroy };
    this.#open.add(each);
    return () => this.#open.delete(each);
  }

  #line(origin, transport) {
    const line = { origin, transport };
    this.emit("open", line);
    return line;
  }

  #upgrade(request, socket, head) {
    const { origin } = request.headers;
    const { network, websockets } = this.#sky(origin);
    socket.on("error", () => socket.destroy());
    if (network === "cut") return void socket.destroy();
    if (websockets === "blocked") return void socket.end(FORBIDDEN);

    const onward = net.connect({ host: "127.0.0.1", port: this.#relay });
    const release = this.#keep(origin, true, () => socket.destroy());
    onward.on("connect", () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let at = 0; at < request.rawHeaders.length; at += 2) lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      onward.write(`${lines.join("\r\n")}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => onward.destroy());
    onward.on("close", () => socket.destroy());
    const line = this.#line(origin, "websocket");
    const frames = new Frames((text) => {
      const heard = packet(text);
      if (heard !== undefined) this.emit("heard", line, heard.name, heard.data);
    });
    onward.on("data", (bytes) => frames.push(bytes));
    socket.on("close", () => {
      onward.destroy();
      release();
      this.emit("closed", line);
    });
  }

  #request(request, answer) {
    const { origin } = request.headers;
    if (this.#sky(origin).network === "cut") return void request.socket.destroy();
    const release = this.#keep(origin, false, () => request.socket.destroy());
    answer.on("close", release);
    // One connection a request: Chromium shares connections among pages, and a cut must hit one of them alone.
    const headers = { ...request.headers, connection: "close" };
    const onward = http.request({ host: "127.0.0.1", port: this.#relay, method: request.method, path: request.url, headers, agent: false });
    onward.on("error", () => request.socket.destroy());
    onward.on("response", (inner) => {
      inner.on("error", () => request.socket.destroy());
      answer.writeHead(inner.statusCode, { ...inner.headers, connection: "close" });
      answer.flushHeaders();
      inner.pipe(answer);
      if (origin !== undefined && request.method === "GET" && request.url.startsWith("/sessions/")) this.#readAlong(origin, inner, answer);
    });
    answer.on("close", () => onward.destroy());
    request.pipe(onward);
  }

  #readAlong(origin, inner, answer) {
    if (inner.headers["content-type"]?.startsWith("text/event-stream") && inner.statusCode === 200) {
      const line = this.#line(origin, "sse");
      const stream = new EventStream(({ name, data }) => this.emit("heard", line, name, JSON.parse(data)));
      inner.on("data", (bytes) => stream.push(bytes));
      answer.on("close", () => this.emit("closed", line));
      return;
    }
    const line = { origin, transport: "pages" };
    let body = "";
    inner.setEncoding("utf8").on("data", (text) => {
      if (body.length < LARGEST_BODY) body += text;
    });
    inner.on("end", () => {
      const data = parsed(body);
      if (data !== undefined) this.emit("heard", line, inner.statusCode === 200 ? "page" : "refused", data);
    });
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
