import { EventStreamParser } from "./eventstream.js";
import { noSession, refusal, request } from "./http.js";
import { hear } from "./messages.js";
import type { Listener, Opening, Transport } from "./transport.js";

/** Server-sent events over one plain HTTP request, for networks that block WebSockets. */
export function openStream(opening: Opening, listener: Listener): Transport {
  const abort = new AbortController();
  const lost = () => {
    if (!abort.signal.aborted) listener.tell((core, now, id) => core.lost(now, id));
  };
  const run = async () => {
    const asked = request(opening, "text/event-stream", {});
    if (asked === undefined) return noSession(listener);
    const answer = await fetch(asked, { signal: abort.signal });
    const kind = answer.headers.get("content-type") ?? "";
    if (!answer.ok || !kind.startsWith("text/event-stream") || answer.body === null) {
      await refusal(answer, listener);
      return;
    }
    listener.tell((core, now, id) => core.opened(now, id, undefined));
    const parser = new EventStreamParser(
      ({ name, data }) => hear(name, JSON.parse(data), listener),
      () => listener.tell((core, now, id) => core.heard(now, id)),
    );
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort.signal.aborted) break;
      parser.push(decoder.decode(value, { stream: true }));
    }
    lost();
  };
  // Whatever goes wrong, JSON that is none included, the connection is no longer to be trusted.
  void Promise.resolve().then(run).catch(lost);
  return { close: () => abort.abort() };
}
