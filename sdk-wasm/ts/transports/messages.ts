import { count, isObject, text, type Listener } from "./transport.js";

/** Hands on what the relay says, over whichever transport. Answers whether the name was known. */
export function hear(name: string, data: unknown, listener: Listener): boolean {
  const message = isObject(data) ? data : {};
  switch (name) {
    case "event":
      listener.event(data);
      return true;
    case "relay:ready":
      listener.tell((core, now, id) =>
        core.ready(now, id, text(message["cursor"]), message["recovered"] === true, count(message["replayed"]) ?? 0),
      );
      return true;
    case "relay:resync":
      listener.tell((core, now, id) => core.resync(now, id, text(message["reason"]), text(message["cursor"])));
      return true;
    case "relay:expiring":
      listener.tell((core, now, id) => core.expiring(now, id));
      return true;
    case "relay:bye":
      listener.tell((core, now, id) =>
        core.bye(now, id, text(message["code"]), message["reconnect"] === true, count(message["afterMs"]) ?? 0),
      );
      return true;
    default:
      return false;
  }
}
