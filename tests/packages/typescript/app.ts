// An app under `tsc --strict`, with Atlassian's own types where it meets them.
import api, { fetch as forgeFetch } from "@forge/api";
import { Queue, InvocationError, type AsyncEvent } from "@forge/events";
import { Relay, RelayError, outboxConsumer, runtime, type Claims, type EventInput, type Minted, type Receipt } from "@forge-relay/node";

const relay: Relay = Relay.fromEnv({ fetch: forgeFetch });
export const other = new Relay({ url: "https://relay.example.com", secret: "s", tokenSecret: "t", app: "a", fetch: api.fetch, deadlineMs: 5_000 });
export const plain = new Relay({ url: "https://relay.example.com", secret: "s", fetch });

export async function publish(signal: AbortSignal): Promise<Receipt> {
  const event: EventInput = { sessionId: "s", event: "vote.cast", payload: { value: "5" } };
  const receipts: Receipt[] = await relay.publishBatch([event, { ...event, payload: null }], { signal });
  const seq: number | undefined = receipts[0]?.seq;
  const headers: Record<string, string> = relay.signRequest(new Uint8Array(seq ?? 0));
  const form: "native" | "wasm" = runtime();
  console.log(headers, form);
  try {
    return await relay.publish(event, { deadlineMs: 1_000 });
  } catch (error) {
    if (error instanceof RelayError && error.code === "nonce_conflict" && !error.retryable) console.log(error.errors?.[0]?.field, error.status);
    throw error;
  }
}

export function token(accountId: string): Minted {
  const minted = relay.mintToken({ accountId, sessionId: "s", expiresIn: 60 });
  const claims: Claims = relay.verifyToken(minted.token);
  return claims.sub === accountId ? minted : relay.mintToken({ accountId, sessionId: "s" });
}

export async function outbox(): Promise<string> {
  const queue = new Queue({ key: "outbox" });
  const outcome = await relay.publishOrQueue({ sessionId: "s", event: "vote.cast", payload: 1 }, { queue });
  return outcome.published ? outcome.receipt.cursor : outcome.reason.message;
}

const consume = outboxConsumer(relay, { onGiveUp: ({ event, error }) => console.error(event.nonce, error.mayBeInLog) });
/** As Forge calls it. */
export const consumer: (event: AsyncEvent) => Promise<void | Pick<InvocationError, "retryOptions">> = async (event) => {
  const again = await consume(event);
  if (again) return again as unknown as InvocationError;
};

// What must not compile.
// @ts-expect-error an event needs its session
void relay.publish({ event: "e", payload: 1 });
// @ts-expect-error a payload is a must, null may be one
void relay.publish({ sessionId: "s", event: "e" });
// @ts-expect-error a typing error in an option
void new Relay({ url: "u", secret: "s", tokensecret: "t" });
// @ts-expect-error a token opens one session
relay.mintToken({ accountId: "a" });
// @ts-expect-error the consumer must say what becomes of what it gives up
outboxConsumer(relay, {});
