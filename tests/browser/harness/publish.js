// Publishing, as an app does it.

import { randomUUID } from "node:crypto";

import { Webhook } from "standardwebhooks";

import { pause } from "./until.js";

const ATTEMPTS = 200;

/** Publishes events, at most 100, and answers with their receipts. While no relay takes them, it tries again. */
export async function publishBatch({ url, secret }, events) {
  const stamped = events.map((event) => ({ nonce: randomUUID(), ...event }));
  for (let attempt = 1; ; attempt += 1) {
    const now = new Date();
    const body = JSON.stringify(stamped.map((event) => ({ ...event, timestamp: now.toISOString() })));
    const id = randomUUID();
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign(id, now, body),
    };
    const answer = await fetch(`${url}/events/batch`, { method: "POST", headers, body }).catch(() => undefined);
    if (answer?.status === 202) return (await answer.json()).receipts;
    if (answer !== undefined && answer.status < 500 && answer.status !== 429) {
      throw new Error(`${answer.status}: ${await answer.text()}`);
    }
    if (attempt === ATTEMPTS) throw new Error("no relay took the events");
    await pause(100);
  }
}
