// A function of a Forge app: a resolver's work, and the consumer of its outbox.
import { Relay, outboxConsumer, runtime } from "@forge-relay/node";
import { Queue } from "@forge/events";

const relay = Relay.fromEnv();

export const vote = async ({ payload, context }) => {
  const { sessionId, value } = payload;
  const { token, expiresAt } = relay.mintToken({ accountId: context.accountId, sessionId });
  const receipt = await relay.publish({ sessionId, event: "vote.cast", payload: { value } });
  return { token, expiresAt, seq: receipt.seq, runtime: runtime() };
};

export const outbox = new Queue({ key: "outbox" });
export const consumer = outboxConsumer(relay, { onGiveUp: () => {} });
