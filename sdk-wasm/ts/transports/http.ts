import { count, isObject, text, type Listener, type Opening } from "./transport.js";

/** The most of an answer that says what is wrong. */
const LARGEST_PROBLEM = 64 * 1024;

/** A request for the events of the token's session; `undefined` if the token names none. */
export function request({ url, token, cursor }: Opening, accept: string, query: Record<string, string>): Request | undefined {
  const sessionId = sessionOf(token);
  if (sessionId === undefined) return undefined;
  const address = new URL(`${url}/sessions/${encodeURIComponent(sessionId)}/events`);
  if (cursor !== undefined) address.searchParams.set("after", cursor);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  return new Request(address, {
    headers: { Accept: accept, Authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
}

/** The session that a token opens. The relay checks the token; this only reads it. */
function sessionOf(token: string): string | undefined {
  try {
    const part = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const sessionId = isObject(claims) ? claims["sessionId"] : undefined;
    return typeof sessionId === "string" && sessionId !== "" ? sessionId : undefined;
  } catch {
    return undefined;
  }
}

/** The token is none: what the relay would say to it. */
export function noSession(listener: Listener): void {
  listener.tell((core, now, id) => core.refused(now, id, "token_invalid", false, undefined));
}

/** An answer that is not what was asked for. */
export async function refusal(answer: Response, listener: Listener): Promise<void> {
  const problem = await problemOf(answer);
  const code = text(problem["code"]);
  if (code === "resync") {
    return listener.tell((core, now, id) => core.resync(now, id, text(problem["reason"]), text(problem["cursor"])));
  }
  // Without a code it is not the relay that speaks, but something on the way.
  if (code === "") return listener.tell((core, now, id) => core.lost(now, id));
  const seconds = count(Number.parseFloat(answer.headers.get("retry-after") ?? ""));
  // Which codes are worth another attempt, the core knows.
  const retryable = answer.status >= 500 ? true : undefined;
  const after = seconds === undefined ? undefined : seconds * 1_000;
  listener.tell((core, now, id) => core.refused(now, id, code, retryable, after));
}

async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  try {
    if (!(answer.headers.get("content-type") ?? "").startsWith("application/problem+json")) return {};
    const problem: unknown = JSON.parse(await readText(answer, LARGEST_PROBLEM));
    return isObject(problem) ? problem : {};
  } catch {
    return {};
  } finally {
    void answer.body?.cancel().catch(() => {});
  }
}

/** An answer's text, or an error if it is longer than `most` bytes. */
export async function readText(answer: Response, most: number): Promise<string> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let [all, bytes] = ["", 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all + decoder.decode();
    bytes += value.byteLength;
    if (bytes > most) {
      await reader.cancel().catch(() => {});
      throw new RangeError(`the answer is longer than ${most} bytes`);
    }
    all += decoder.decode(value, { stream: true });
  }
}
