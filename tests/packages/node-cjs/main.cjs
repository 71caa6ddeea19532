// The main job of an app, as CommonJS.
const assert = require("node:assert/strict");
const { Relay, RelayError, outboxConsumer, runtime } = require("@forge-relay/node");

async function main() {
  const relay = Relay.fromEnv();
  const { token, expiresAt } = relay.mintToken({ accountId: "acct-1", sessionId: process.env.SESSION });
  assert.equal(relay.verifyToken(token).exp, expiresAt);
  const receipt = await relay.publish({ sessionId: process.env.SESSION, event: "vote.cast", payload: { from: "cjs" } });
  assert.throws(() => new Relay({ url: "x", secret: "y" }), RelayError);
  assert.equal(typeof outboxConsumer, "function");
  console.log(JSON.stringify({ runtime: runtime(), seq: receipt.seq, node: process.versions.node }));
}
main();
