import { checkForm, type Form } from "./core.js";
import { invalid } from "./errors.js";
import { TRANSPORTS, type TransportName } from "./transports/transport.js";

/**
 * What {@link ConnectOptions.getToken} answers with: the token, or the answer of the app's function with it, `{ token }`.
 * The types of `invoke` cannot say what a function answers with, so any object is taken here, and looked at when it comes.
 */
export type TokenAnswer = string | { token: string } | Record<string, any> | void;

/** How to connect. */
export interface ConnectOptions {
  /** The relay's address, such as `https://relay.example.com`. */
  url: string;
  /**
   * Fetches a token from the app, such as `() => invoke("joinSession", { sessionId })`. It is called for the first
   * connection, before the token ends, and when the relay asks for another one. A token opens one session, and which
   * one is what it says. Where it throws, it is called again, later and later; not so if the error has
   * `retryable: false`: then the session is `denied`. After 30 seconds without an answer it counts as failed.
   */
  getToken: (call: { signal: AbortSignal }) => TokenAnswer | Promise<TokenAnswer>;
  /** Go on after this cursor, from an earlier session or a snapshot, instead of starting with the next event. */
  cursor?: string | undefined;
  /** What may carry events, best first. Default: `["websocket", "sse", "pages"]`. */
  transports?: readonly TransportName[] | undefined;
  /** Which form of the core to run. Default: `"auto"`. */
  form?: Form | undefined;
}

/** Options that have been checked. */
export interface Checked {
  url: string;
  getToken: ConnectOptions["getToken"];
  cursor: string | undefined;
  transports: readonly TransportName[];
  form: Form;
}

const CURSOR = /^[0-9a-f]{16}-(0|[1-9][0-9]{0,15})$/;

/** The core would say so, too; but it may not have been loaded yet. */
function isCursor(cursor: unknown): boolean {
  const seq = typeof cursor === "string" ? CURSOR.exec(cursor)?.[1] : undefined;
  return seq !== undefined && Number.isSafeInteger(Number(seq));
}

/** Checks every option before anything is sent. */
export function checkOptions(options: ConnectOptions): Checked {
  if (typeof options !== "object" || options === null) throw invalid("options", "pass { url, getToken }");
  const { getToken, cursor, transports = TRANSPORTS } = options;
  if (typeof getToken !== "function") {
    throw invalid("getToken", 'pass a function that fetches a token from your app, such as () => invoke("joinSession")');
  }
  if (cursor !== undefined && !isCursor(cursor)) {
    throw invalid("cursor", "pass a cursor on exactly as the relay gave it, or leave it out");
  }
  const known = Array.isArray(transports) && transports.every((each) => TRANSPORTS.includes(each));
  if (!known || transports.length === 0) {
    throw invalid("transports", `pass one or more of ${TRANSPORTS.map((each) => `"${each}"`).join(", ")}`);
  }
  return { url: checkUrl(options.url), getToken, cursor, transports: [...transports], form: checkForm(options.form) };
}

function checkUrl(text: unknown): string {
  const cure = "pass the relay's address, such as https://relay.example.com";
  if (typeof text !== "string") throw invalid("url", cure);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid("url", `"${text}" is no address; ${cure}`);
  }
  const protocol = url.protocol.replace(/^ws/, "http");
  if (protocol !== "https:" && protocol !== "http:") throw invalid("url", `"${text}" is not http or https; ${cure}`);
  if (url.username !== "" || url.password !== "") throw invalid("url", "leave the user name and the password out");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw invalid("url", `leave "${url.pathname}${url.search}${url.hash}" out: a relay answers at the root of its host`);
  }
  return `${protocol}//${url.host}`;
}
