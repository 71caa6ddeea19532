// Listening on the loopback, and nowhere else.

import { once } from "node:events";
import net from "node:net";

/** Answers with the port. */
export async function listen(server, port = 0) {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
}

/** A port that was free a moment ago, for a process that shall have the same one when it starts again. */
export async function freePort() {
  const server = net.createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}
