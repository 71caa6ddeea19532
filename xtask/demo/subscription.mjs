// The demo's own way to hear the session: server-sent events with the app's secret, gone on with by cursor.

import { EventEmitter } from "node:events";

import { EventStream } from "./eventstream.mjs";

const PAUSE_MS = 300;

/** Emits `event` with each envelope. */
export class Subscription extends EventEmitter {
  #address;
  #secret;
  #cursor;
  #abort = new AbortController();

  constructor({ url, secret, session }) {
    super();
    this.#address = `${url}/sessions/${encodeURIComponent(session)}/events`;
    this.#secret = secret;
  }

  /** Goes on until `stop`. */
  async run() {
    const { signal } = this.#abort;
    await this.#readWhatIsThere().catch(() => {});
    while (!signal.aborted) {
      await this.#listen().catch(() => {}); // the relay is away: it is asked again
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }

  stop() {
    this.#abort.abort();
  }

  /** A stream begins at the head; what was published before is on a page. */
  async #readWhatIsThere() {
    const answer = await fetch(this.#address, this.#with("application/json"));
    const page = await answer.json();
    for (const event of page.events) this.emit("event", event);
    this.#cursor = page.cursor ?? undefined;
  }

  async #listen() {
    const address = this.#cursor === undefined ? this.#address : `${this.#address}?after=${encodeURIComponent(this.#cursor)}`;
    const answer = await fetch(address, this.#with("text/event-stream"));
    if (!answer.ok) throw new Error(`the relay answered ${answer.status}`);
    const stream = new EventStream(({ name, data }) => {
      const message = JSON.parse(data);
      if (message.cursor !== undefined) this.#cursor = message.cursor;
      if (name === "event") this.emit("event", message);
    });
    for await (const bytes of answer.body) stream.push(bytes);
  }

  #with(accept) {
    return { headers: { accept, authorization: `Bearer ${this.#secret}` }, signal: this.#abort.signal };
  }
}
