// Publishes one event: node publish.mjs SESSION NAME PAYLOAD
import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";

const { RELAY_URL = "http://localhost:8080", RELAY_SECRET } = process.env;
const [sessionId, event, payload] = process.argv.slice(2);
const webhook = new Webhook(RELAY_SECRET); // whsec_…, as `forge-relay keys new` makes it
const nonce = randomUUID(); // the same in every attempt: the relay delivers the event once

/** Stamps and signs anew each time, because both are good for five minutes only. */
function send() {
  const now = new Date();
  const body = JSON.stringify({ sessionId, event, payload: JSON.parse(payload), nonce, timestamp: now.toISOString() });
  const id = `msg_${randomUUID()}`;
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": webhook.sign(id, now, body),
  };
  return fetch(`${RELAY_URL}/events`, { method: "POST", headers, body, signal: AbortSignal.timeout(5000) });
}

for (let attempt = 1; ; attempt += 1) {
  const answer = await send().catch((error) => error);
  if (answer.status === 202) {
    console.log(await answer.text()); // the receipt: it is in the session's log
    break;
  }
  const again = answer instanceof Error || answer.status === 429 || answer.status >= 500;
  if (!again || attempt === 6) {
    console.error(answer instanceof Error ? answer : await answer.text());
    process.exit(1);
  }
  const seconds = Number(answer.headers?.get("retry-after") ?? attempt);
  await new Promise((done) => setTimeout(done, seconds * 1000));
}
