// The main job of an app, as an ECMAScript module.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Relay, RelayError, outboxConsumer, runtime } from "@forge-relay/node";

const relay = Relay.fromEnv();
const { token, expiresAt } = relay.mintToken({ accountId: "acct-1", sessionId: process.env.SESSION });
assert.equal(relay.verifyToken(token).exp, expiresAt);
const receipt = await relay.publish({ sessionId: process.env.SESSION, event: "vote.cast", payload: { from: "esm" } });
assert.throws(() => new Relay({ url: "x", secret: "y" }), RelayError);
assert.equal(typeof outboxConsumer, "function");
// One implementation, however it is loaded: an error of the one is an error of the other.
assert.equal(createRequire(import.meta.url)("@forge-relay/node").RelayError, RelayError);
console.log(JSON.stringify({ runtime: runtime(), seq: receipt.seq, node: process.versions.node }));
