import { io } from "socket.io-client";

import { hear } from "./messages.js";
import { count, isObject, type Listener, type Opening, type Transport } from "./transport.js";

/** On top of what the relay says of its pings: a busy page hears late. */
const GRACE = 5_000;
const NAMES = ["relay:ready", "event", "relay:resync", "relay:expiring", "relay:bye"];

/** Socket.IO over a WebSocket. When to try again, and when to give up, is the state machine's. */
export function openSocket({ url, token, cursor }: Opening, listener: Listener): Transport {
  const socket = io(url, {
    auth: cursor === undefined ? { token } : { token, cursor },
    transports: ["websocket"],
    reconnection: false,
    forceNew: true,
    autoConnect: false,
    timeout: 60_000,
  });
  for (const name of NAMES) socket.on(name, (data: unknown) => hear(name, data, listener));
  socket.on("connect_error", (error: Error & { data?: unknown }) => {
    if (!isObject(error.data)) return listener.tell((core, now, id) => core.lost(now, id));
    const { retryable, afterMs } = error.data;
    listener.tell((core, now, id) => core.refused(now, id, error.message, retryable === true, count(afterMs)));
  });
  socket.on("disconnect", () => listener.tell((core, now, id) => core.lost(now, id)));
  socket.io.on("ping", () => listener.tell((core, now, id) => core.heard(now, id)));

  const start = setTimeout(() => {
    socket.connect();
    socket.io.engine.on("handshake", ({ pingInterval, pingTimeout }) => {
      listener.tell((core, now, id) => core.opened(now, id, pingInterval + pingTimeout + GRACE));
    });
  }, 0);

  return {
    close() {
      clearTimeout(start);
      socket.disconnect();
      socket.io.engine?.close();
      socket.off();
    },
    refresh(next) {
      socket.emit("relay:refresh", { token: next }, (answer: unknown) => {
        const accepted = isObject(answer) && typeof answer["expiresAt"] === "number";
        listener.tell((core, now, id) => (accepted ? core.refreshed(now, id) : core.refreshRefused(now, id)));
      });
    },
  };
}
