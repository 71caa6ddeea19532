// A server that does to each request in turn what it is told, down to the bytes.
import { createServer } from "node:net";

import { listen } from "../../../xtask/demo/ports.mjs";

/**
 * `script` holds one behaviour a request, the last one for all that follow: a function of the connection and the request,
 * or a text that is sent as it is. The requests are kept, parsed.
 */
export async function misbehaving(t, ...script) {
  const requests = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      text += chunk;
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const [line, ...fields] = text.slice(0, end).split("\r\n");
        const headers = Object.fromEntries(fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]));
        const length = Number(headers["content-length"] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = Buffer.from(text.slice(end + 4, end + 4 + length), "latin1").toString();
        text = text.slice(end + 4 + length);
        const request = { line, headers, body, at: performance.now() };
        const behaviour = script[Math.min(requests.length, script.length - 1)];
        requests.push(request);
        if (typeof behaviour === "function") behaviour(socket, request);
        else socket.write(behaviour);
      }
    });
  });
  const port = await listen(server);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, requests, sockets };
}

/** A whole answer. */
export function answer(status, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const all = { "content-type": typeof body === "string" ? "text/html" : "application/json", ...headers, "content-length": Buffer.byteLength(text) };
  return `HTTP/1.1 ${status} X\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${text}`;
}

export const problem = (status, code, headers) =>
  answer(status, { type: `urn:forge-relay:problem:${code}`, title: code, status, code, detail: `it is ${code}`, requestId: "req-1" }, headers);

/** The receipt of whatever was sent. */
export const accept = (socket, request) => socket.write(answer(202, receiptFor(request)));

export function receiptFor(request) {
  const one = (event, index) => ({ id: `id-${index}`, sessionId: event.sessionId, seq: index + 1, cursor: `0000000000000001-${index + 1}`, duplicate: false });
  const sent = JSON.parse(request.body);
  return Array.isArray(sent) ? { receipts: sent.map(one) } : one(sent, 0);
}

/** Takes the request and says nothing. */
export const hang = () => {};
/** Takes the request and closes. */
export const cut = (socket) => socket.destroy();
/** Answers half. */
export const half = (socket, request) => {
  socket.write(answer(202, receiptFor(request)).slice(0, -20));
  setTimeout(() => socket.destroy(), 20);
};
/** Answers its head, and never its body. */
export const headOnly = (socket, request) => socket.write(answer(202, receiptFor(request)).split("\r\n\r\n")[0] + "\r\n\r\n");
/** Answers without end. */
export const endless = (socket) => {
  socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n");
  const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
    socket.once("drain", more);
  };
  more();
};
