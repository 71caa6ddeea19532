import { noSession, readText, refusal, request } from "./http.js";
import { isObject, text, type Listener, type Opening, type Transport } from "./transport.js";

const PAGE_EVENTS = "500";
/** A page is at most 1 MiB, or one event. */
const LARGEST = 2 * 1024 * 1024;

/** Pages of the log, read again and again, for proxies that hold a stream back. */
export function openPages(opening: Opening, listener: Listener): Transport {
  const abort = new AbortController();
  const read = async (cursor: string | undefined) => {
    const asked = request({ ...opening, cursor }, "application/json", { limit: PAGE_EVENTS });
    if (asked === undefined) return noSession(listener);
    const answer = await fetch(asked, { signal: abort.signal });
    if (!answer.ok) return refusal(answer, listener);
    const page: unknown = JSON.parse(await readText(answer, LARGEST));
    if (!isObject(page) || !Array.isArray(page["events"])) throw new TypeError("not a page");
    for (const envelope of page["events"]) listener.event(envelope);
    listener.tell((core, now, id) => core.page(now, id, text(page["cursor"]), page["more"] === true));
  };
  return {
    close: () => abort.abort(),
    readPage(cursor) {
      Promise.resolve()
        .then(() => read(cursor))
        .catch(() => {
          if (!abort.signal.aborted) listener.tell((core, now, id) => core.lost(now, id));
        });
    },
  };
}
