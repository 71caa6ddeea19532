/** One message of an event stream. */
export interface Message {
  name: string;
  data: string;
}

/** No message is nearly as large: an envelope is a payload of 64 KiB and a little more. */
const LARGEST = 4 * 1024 * 1024;

/**
 * Takes an event stream apart, as HTML's specification has it (§9.2.6), piece by piece as it arrives.
 * `EventSource` cannot send an `Authorization` header.
 */
export class EventStreamParser {
  private rest = "";
  private name = "";
  private data: string[] = [];
  private size = 0;
  private afterReturn = false;
  private first = true;

  constructor(
    private readonly message: (message: Message) => void,
    private readonly comment: () => void,
  ) {}

  /** Throws a RangeError when a line or a message grows beyond all measure. */
  push(piece: string): void {
    if (this.first && piece !== "") {
      this.first = false;
      if (piece.startsWith("\uFEFF")) piece = piece.slice(1);
    }
    let start = 0;
    if (this.afterReturn && piece !== "") {
      this.afterReturn = false;
      if (piece.startsWith("\n")) start = 1;
    }
    for (let at = start; at < piece.length; at += 1) {
      const letter = piece.charCodeAt(at);
      if (letter !== 10 && letter !== 13) continue;
      const line = this.rest + piece.slice(start, at);
      this.rest = "";
      if (letter === 13) {
        if (at + 1 === piece.length) this.afterReturn = true;
        else if (piece.charCodeAt(at + 1) === 10) at += 1;
      }
      start = at + 1;
      this.line(line);
    }
    this.rest += piece.slice(start);
    if (this.rest.length + this.size > LARGEST) throw new RangeError("a message of the stream is too large");
  }

  private line(line: string): void {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return this.comment();
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (field === "event") this.name = value;
    if (field === "data") {
      this.data.push(value);
      this.size += value.length;
    }
  }

  private dispatch(): void {
    const { name, data } = this;
    this.name = "";
    this.data = [];
    this.size = 0;
    if (data.length > 0) this.message({ name: name || "message", data: data.join("\n") });
  }
}
