// The brief's design as a Node developer would build it: Fastify takes publishes, checks the bearer secret and the
// body's schema; Socket.IO verifies the token before a socket joins its session's room, and emits to the room.

import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";

const secret = process.env.RELAY_SECRET;
const [host, port] = process.env.RELAY_BIND.split(":");

const fastify = Fastify({ logger: false });
const io = new Server(fastify.server, { serveClient: false });

io.use((socket, next) => {
  try {
    const claims = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ["HS256"] });
    if (!claims.scope.includes("subscribe")) throw new Error("no subscribe scope");
    socket.data.sessionId = claims.sessionId;
    next();
  } catch {
    next(new Error("token_invalid"));
  }
});
io.on("connection", (socket) => socket.join(socket.data.sessionId));

const body = {
  type: "object",
  required: ["sessionId", "event", "payload", "nonce", "timestamp"],
  properties: {
    sessionId: { type: "string", minLength: 1, maxLength: 128 },
    event: { type: "string", minLength: 1, maxLength: 128 },
    payload: {},
    nonce: { type: "string", minLength: 1, maxLength: 64 },
    timestamp: { type: "string", format: "date-time" },
  },
};
const bearer = `Bearer ${secret}`;

fastify.post("/events", { schema: { body } }, (request, reply) => {
  if (request.headers.authorization !== bearer) return reply.code(401).send();
  const { sessionId, event, payload, timestamp } = request.body;
  io.to(sessionId).emit("event", { id: randomUUID(), sessionId, event, payload, timestamp });
  return reply.code(202).send();
});

await fastify.listen({ host, port: Number(port) });
