/**
 * Publish live events from Atlassian Forge functions, and mint the tokens with which pages receive them.
 *
 * @packageDocumentation
 */
export { outboxConsumer, type GiveUp, type OutboxBody, type OutboxConsumerOptions, type OutboxEvent, type OutboxQueue, type RetryLater } from "./outbox.js";
export { Relay, type CallOptions, type EventInput, type PublishedOrQueued, type RelayOptions, type TokenInput } from "./relay.js";
export { RelayError, type RelayErrorCode } from "./error.js";
export { runtime } from "./core.js";
export type { Fetch, FetchAnswer } from "./attempt.js";
export type { Claims, Code, FieldCode, FieldError, Minted, Receipt } from "./contract.js";
