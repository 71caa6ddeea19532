// A network between a client and the relay, which can be cut.
import { connect, createServer } from "node:net";

import { listen } from "../../../xtask/demo/ports.mjs";

/** Passes bytes on to the port until it is cut, from a free port or the one that `at` names; ends with the test. */
export async function middle(t, port, { at = 0 } = {}) {
  const sockets = new Set();
  let state = "whole";
  const keep = (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    return socket;
  };
  const server = createServer((client) => {
    if (state === "cut") return client.destroy();
    const relay = keep(connect(port, "127.0.0.1"));
    keep(client).pipe(relay);
    relay.on("data", (bytes) => (state === "deaf" ? client.destroy() : client.write(bytes)));
    client.on("close", () => relay.destroy());
    relay.on("close", () => client.destroy());
  });
  const cut = () => {
    state = "cut";
    for (const socket of sockets) socket.destroy();
  };
  const own = await listen(server, at);
  t.after(() => {
    cut();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${own}`,
    /** Ends what is open, and refuses what comes. */
    cut,
    /** Passes on what comes, and loses the answers. */
    deafen: () => void (state = "deaf"),
    restore: () => void (state = "whole"),
  };
}
