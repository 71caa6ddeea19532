// Publishing, as an app does it: with the packed @forge-relay/node.

import { createRequire } from "node:module";
import path from "node:path";

import { PUBLISHER } from "./paths.js";

const { Relay } = createRequire(path.join(PUBLISHER, "app.js"))("@forge-relay/node");

/** While no relay takes the events, it tries again for so long. */
const DEADLINE_MS = 30_000;

/** Publishes events, at most 100, and answers with their receipts. */
export function publishBatch({ url, secret }, events) {
  return new Relay({ url, secret, deadlineMs: DEADLINE_MS }).publishBatch(events);
}
