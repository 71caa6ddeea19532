// Lets the Rust tests drive published libraries: commands come in on stdin and answers and events go out on stdout, one
// JSON object a line. It ends when stdin does.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import jwt from "jsonwebtoken";
import { Webhook } from "standardwebhooks";

const PACKAGES = {
  4.8: "socket.io-client",
  4.7: "socket.io-client-4.7",
  4.5: "socket.io-client-4.5",
  "4.0": "socket.io-client-4.0",
};
const clients = new Map();
const out = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** As design and documentation have it: text after `whsec_` is base64, anything else is UTF-8. */
const keyBytes = (secret) =>
  secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret, "utf8");

const operations = {
  /** `options` are those of jsonwebtoken: algorithm, expiresIn, noTimestamp… */
  mint: ({ secret, claims, options }) => jwt.sign({ jti: randomUUID(), ...claims }, keyBytes(secret), options ?? {}),

  async publish({ url, path, secret, body, headers }) {
    const id = `msg_${randomUUID()}`;
    const now = new Date();
    const webhook = new Webhook(keyBytes(secret), { format: "raw" });
    const answer = await fetch(url + (path ?? "/events"), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now / 1000)),
        "webhook-signature": webhook.sign(id, now, body),
        ...headers,
      },
      body,
    });
    return { status: answer.status, body: await answer.json() };
  },

  /** A client as the documentation writes it: it keeps its cursor, and asks for its token at each connect. */
  async connect({ client, version, url, token, cursor, options }) {
    const { io } = await import(PACKAGES[version]);
    const held = { token, cursor };
    const socket = io(url, {
      transports: ["websocket"],
      forceNew: true,
      autoConnect: false,
      reconnectionDelay: 20,
      reconnectionDelayMax: 50,
      auth: (answer) => answer({ token: held.token, cursor: held.cursor }),
      ...options,
    });
    clients.set(client, { socket, held });
    const say = (name, data) => out({ client, name, data: data ?? null });
    socket.on("connect", () => say("connect", { id: socket.id }));
    socket.on("disconnect", (reason) => say("disconnect", { reason }));
    socket.on("connect_error", (error) => {
      say("connect_error", { message: error.message, data: error.data ?? null });
      if (error.data?.retryable) setTimeout(() => socket.connect(), error.data.afterMs ?? 20);
    });
    socket.onAny((name, data) => {
      if (data?.cursor && ["relay:ready", "relay:resync", "event"].includes(name)) held.cursor = data.cursor;
      say(name, data);
    });
    socket.connect();
  },

  /** The token, or the cursor, of the next connect. */
  hold: ({ client, ...change }) => void Object.assign(clients.get(client).held, change),
  reconnect: ({ client }) => void clients.get(client).socket.connect(),
  disconnect: ({ client }) => void clients.get(client).socket.disconnect(),
  /** The network goes away under the client, which comes back by itself. */
  lose: ({ client }) => void clients.get(client).socket.io.engine.close(),

  /** What the relay takes from no client. */
  emit_binary: ({ client }) => void clients.get(client).socket.emit("binary", Buffer.from([1, 2, 3])),

  /** Which transport it is on now: `polling` or `websocket`. */
  transport: ({ client }) => clients.get(client).socket.io.engine.transport.name,

  /** Answers with what the relay acknowledged. */
  emit: ({ client, name, data }) =>
    new Promise((done, failed) => {
      setTimeout(() => failed(new Error(`no acknowledgement of ${name} within 5 s`)), 5000).unref();
      clients.get(client).socket.emit(name, data, done);
    }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, op, ...command } = JSON.parse(line);
  // Not awaited: one slow operation must not hold up another.
  Promise.resolve()
    .then(() => operations[op](command))
    .then((answer) => out({ call, answer: answer ?? null }))
    .catch((error) => out({ call, error: String(error?.stack ?? error) }));
}
process.exit(0);
