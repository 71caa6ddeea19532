// The queues behind @forge/events, and the calls of their consumers: what is pushed is handed to the consumer, later if it
// says so, and again as long as the consumer asks for it, for 24 hours.

import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";

const KEPT_MS = 24 * 60 * 60_000;
const LONGEST_WAIT_S = 900;
/** After the first time that the platform's failed, and not the app; then twice as long each time. */
const FIRST_WAIT_S = 5;

/** Emits `change` when an event comes or goes. */
export class Queue extends EventEmitter {
  #consumers;
  #consume;
  /** The timer of each event that waits; none while its consumer has it. */
  #events = new Map();
  #isStopped = false;

  /** `consumers` are `{ functionKey, timeoutMs }`, by queue; `consume({ functionKey, event, timeoutMs })` calls one. */
  constructor({ consumers, consume }) {
    super();
    this.#consumers = consumers;
    this.#consume = consume;
  }

  /** How many events are not done with. */
  get waiting() {
    return this.#events.size;
  }

  /** What the platform answers to a push. */
  push({ queueName, jobId, payload }) {
    if (!this.#consumers.has(queueName)) return { status: 400, body: { code: "QUEUE_NOT_FOUND", message: `the manifest has no consumer for the queue ${queueName}` } };
    for (const { body, delayInSeconds = 0 } of payload) {
      const event = { queueName, jobId, eventId: randomUUID(), body };
      this.#later(event, { startedAt: Date.now(), retries: 0 }, delayInSeconds);
    }
    this.emit("change");
    return { status: 201 };
  }

  stop() {
    this.#isStopped = true;
    for (const timer of this.#events.values()) clearTimeout(timer);
  }

  #later(event, life, seconds) {
    this.#events.set(event.eventId, setTimeout(() => this.#hand(event, life), seconds * 1_000));
  }

  async #hand(event, life) {
    const { retries, startedAt } = life;
    const retentionWindow = () => ({ startTime: new Date(startedAt).toISOString(), remainingTimeMs: startedAt + KEPT_MS - Date.now() });
    const retryContext = retries === 0 ? undefined : { retryCount: retries, ...life.retry, retentionWindow: retentionWindow() };
    const again = await this.#call({ ...event, retryContext });
    if (this.#isStopped) return;
    const seconds = again && Math.min(again.retryAfter ?? FIRST_WAIT_S * 2 ** retries, LONGEST_WAIT_S);
    if (again === undefined || seconds * 1_000 > retentionWindow().remainingTimeMs) {
      this.#events.delete(event.eventId);
      this.emit("change");
      return;
    }
    const retry = { retryReason: again.retryReason, retryData: again.retryData };
    this.#later(event, { startedAt, retries: retries + 1, retry }, seconds);
  }

  /** `{ retryAfter, retryReason, retryData }` where the event is to be handed out again. */
  async #call(event) {
    try {
      const answer = await this.#consume({ ...this.#consumers.get(event.queueName), event });
      return answer?._retry === true ? answer.retryOptions : undefined;
    } catch (error) {
      // What a function throws itself is its last word; that it could not end is not.
      return error.code === undefined ? undefined : { retryReason: error.code };
    }
  }
}
