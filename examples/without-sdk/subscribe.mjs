// Prints a session's events as they come, each once and in order: node subscribe.mjs SESSION ACCOUNT
import { randomUUID } from "node:crypto";
import jwt from "jsonwebtoken";
import { io } from "socket.io-client";

const { RELAY_URL = "http://localhost:8080", RELAY_SECRET, TOKEN_SECONDS = 300 } = process.env;
const [sessionId, subject] = process.argv.slice(2);
const key = Buffer.from(RELAY_SECRET.replace("whsec_", ""), "base64");

// Belongs to the server of your app, which knows who asks. The secret never gets into a page.
const getToken = async () =>
  jwt.sign({ sessionId, scope: ["subscribe"] }, key, { subject, jwtid: randomUUID(), expiresIn: Number(TOKEN_SECONDS) });

let cursor; // "I have everything up to here"
const socket = io(RELAY_URL, { auth: async (send) => send({ token: await getToken(), cursor }) });
const fail = (code, why) => (console.error(`${code}: ${why}`), process.exit(1));

socket.on("relay:ready", (ready) => {
  cursor ??= ready.cursor; // where it was not `recovered`, relay:resync follows and has the cursor
  console.error(`ready: ${ready.replayed} missed`);
});
socket.on("relay:resync", (resync) => {
  cursor = resync.cursor;
  console.error(`resync: ${resync.reason}`); // here an app loads its state again
});
socket.on("event", (event) => {
  console.log(event.seq, event.event, JSON.stringify(event.payload));
  cursor = event.cursor;
});
socket.on("relay:expiring", async () => socket.emit("relay:refresh", { token: await getToken() }));
socket.on("relay:bye", (bye) => bye.reconnect || fail(bye.code, bye.reason));
socket.on("connect_error", ({ message, data }) => {
  // Without data it is the network, and the library tries again by itself.
  if (data?.retryable) setTimeout(() => socket.connect(), data.afterMs ?? 1000);
  else if (data) fail(message, data.detail);
});
