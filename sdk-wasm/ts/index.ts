export type { Answered } from "./bridge.js";
export { runtime, type Form, type Runtime } from "./core.js";
export { RelayError, type ClientCode } from "./errors.js";
export type { ConnectOptions, TokenAnswer } from "./options.js";
export { connect, type Handler, type Session, type Status, type StatusChange } from "./session.js";
export { syncState, type Snapshot, type SyncedState, type SyncedView, type SyncOptions } from "./sync.js";
export type { TransportName } from "./transports/transport.js";
export type { Code, Envelope, Resync, ResyncReason } from "./contract.js";
