// Server-sent events, as the relay writes them: each field on a line, a blank line at the end.

export class EventStream {
  #message;
  #decoder = new TextDecoder();
  #rest = "";

  /** `message` is called with `{ name, data }`. Comments are passed over. */
  constructor(message) {
    this.#message = message;
  }

  push(bytes) {
    const blocks = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n\n");
    this.#rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]));
      if (fields.data !== undefined) this.#message({ name: fields.event, data: fields.data });
    }
  }
}
