/** Telling the pages. Whatever is told here is in the storage already: what cannot be told is late, never lost. */
import { Queue, type AsyncEvent } from "@forge/events";
import { outboxConsumer, Relay, RelayError } from "@forge-relay/node";
import type { Delivery, Events } from "../shared/table";
import { sessionOf, type Caller } from "./caller";

/** An event of the table. A nonce makes it one that the relay delivers once, however often it is told. */
export interface News<Name extends keyof Events = keyof Events> {
  event: Name;
  payload: Events[Name];
  nonce?: string;
}

// Both belong to the app, not to one of its sites: they may outlive an invocation.
const queue = new Queue({ key: "relay-outbox" });
let made: Relay | undefined;

/** The relay of the variables RELAY_URL and RELAY_SECRET; throws where they are missing or wrong. */
export const relay = (): Relay => (made ??= Relay.fromEnv());

/** Publishes, or leaves it to the outbox. It does not throw: a change stays a change if nobody can be told. */
export async function tell<Name extends keyof Events>(caller: Caller, news: News<Name>, deadlineMs = 3_000): Promise<Delivery> {
  try {
    const outcome = await relay().publishOrQueue({ sessionId: sessionOf(caller), ...news }, { queue, deadlineMs });
    if (outcome.published) return "published";
    console.warn(`${news.event} waits in the outbox: ${outcome.reason.message}`);
    return "queued";
  } catch (error) {
    console.error(`nobody was told of ${news.event}: ${error instanceof Error ? error.message : error}`);
    return "unheard";
  }
}

/** Publishes what another function may have died over. `false`: it has to be tried again. */
export async function tellAgain(caller: Caller, news: News): Promise<boolean> {
  try {
    await relay().publish({ sessionId: sessionOf(caller), ...news }, { deadlineMs: 1_000 });
    return true;
  } catch (error) {
    console.error(`nobody was told of ${news.event}: ${error instanceof Error ? error.message : error}`);
    return !(error instanceof RelayError && error.retryable);
  }
}

/** The consumer of the outbox's queue. */
export const consume = (event: AsyncEvent) =>
  outboxConsumer(relay(), {
    onGiveUp: ({ event, error }) => console.error(`gave up ${event.event} of ${event.sessionId}: ${error.message}`),
  })(event);
