// What a Socket.IO server says over a WebSocket, read along.

const TEXT = 1;
const END_OF_HEAD = "\r\n\r\n";

/**
 * Takes the server's bytes apart, the HTTP answer first and then the frames (RFC 6455, §5.2): unmasked, as a server sends
 * them, and without extensions, for the relay agrees to none.
 */
export class Frames {
  #message;
  #rest = Buffer.alloc(0);
  #inHead = true;
  #parts = [];

  /** `message` is called with each text message. */
  constructor(message) {
    this.#message = message;
  }

  push(bytes) {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#inHead) {
      const end = this.#rest.indexOf(END_OF_HEAD);
      if (end < 0) return;
      this.#rest = this.#rest.subarray(end + END_OF_HEAD.length);
      this.#inHead = false;
    }
    while (this.#frame());
  }

  /** Whether there was a whole one. */
  #frame() {
    const rest = this.#rest;
    if (rest.length < 2) return false;
    const isLast = (rest[0] & 0x80) !== 0;
    const opcode = rest[0] & 0x0f;
    let length = rest[1] & 0x7f;
    let start = 2;
    if (length === 126) {
      if (rest.length < 4) return false;
      length = rest.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (rest.length < 10) return false;
      length = Number(rest.readBigUInt64BE(2));
      start = 10;
    }
    if (rest.length < start + length) return false;
    this.#rest = rest.subarray(start + length);
    if (opcode <= TEXT) {
      this.#parts.push(rest.subarray(start, start + length));
      if (isLast) this.#message(Buffer.concat(this.#parts.splice(0)).toString());
    }
    return true;
  }
}

/**
 * The name and data of an EVENT of Socket.IO's namespace `/`; `refused` for a CONNECT_ERROR; `undefined` for all else.
 * The first digit is Engine.IO's (4, a message), the second Socket.IO's.
 */
export function packet(text) {
  if (text.startsWith("42[")) {
    const [name, data] = JSON.parse(text.slice(2));
    return { name, data };
  }
  if (text.startsWith("44{")) {
    return { name: "refused", data: { code: JSON.parse(text.slice(2)).message } };
  }
  return undefined;
}
