// An app that somebody bundles with webpack for Node.
import { Relay, outboxConsumer, runtime } from "@forge-relay/node";

const relay = Relay.fromEnv();

export const vote = async ({ payload, context }) => {
  const { sessionId, value } = payload;
  const { token, expiresAt } = relay.mintToken({ accountId: context.accountId, sessionId });
  const receipt = await relay.publish({ sessionId, event: "vote.cast", payload: { value } });
  return { token, expiresAt, seq: receipt.seq, runtime: runtime() };
};

export const consumer = outboxConsumer(relay, { onGiveUp: () => {} });
