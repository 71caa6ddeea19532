// The key-value store behind @forge/kvs: the routes that the package calls, with the limits and error codes that Atlassian
// documents. Values are kept as text, so that nobody holds a reference into it.
//
// A get has what the set before it wrote; a query shows how things were a moment ago. Atlassian promises neither, and it
// is the harder of the cases for an app.

import { lacks } from "./lacks.mjs";

const LONGEST_KEY = 500;
const KEY = /^(?!\s+$)[a-zA-Z0-9:._\s\-#]+$/;
const LARGEST_VALUE = 240 * 1024;
const DEEPEST_VALUE = 31;
const PAGE = { usual: 10, largest: 100 };
const LARGEST_BATCH = 25;
const UNIT_MS = { SECONDS: 1_000, MINUTES: 60_000, HOURS: 3_600_000, DAYS: 86_400_000 };
const QUERIES_LAG_MS = 200;

/** What goes wrong, by Atlassian's codes. */
class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.body = { code, message };
  }
}

export class Storage {
  /** Entries by key; each remembers those before it for as long as queries may show them. A deleted one has no text. */
  #entries = new Map();

  /** What the platform answers to a request: `{ status, body? }`. */
  answer(path, body) {
    try {
      const route = ROUTES[path];
      if (route === undefined) throw lacks(`storage ${path}`);
      return route(this, body);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { status: error.status, body: error.body };
    }
  }

  get(key) {
    checkKey(key);
    const entry = this.#at(key);
    if (entry === undefined) throw new Problem(404, "KEY_NOT_FOUND", "Provided key does not exist");
    return { key, ...shown(entry) };
  }

  /** Answers with the entry before, and with the one that is there now. */
  set(key, value, { keyPolicy = "OVERRIDE", ttl } = {}) {
    checkKey(key);
    const text = textOf(value);
    const before = this.#at(key);
    if (keyPolicy === "FAIL_IF_EXISTS" && before !== undefined) throw new Problem(409, "KEY_ALREADY_EXISTS", "Provided key already exists");
    const now = Date.now();
    const entry = { text, createdAt: before?.createdAt ?? now, updatedAt: now, expiresAt: ttl && now + ttl.value * UNIT_MS[ttl.unit] };
    this.#put(key, entry);
    return { before, entry };
  }

  delete(key) {
    this.get(key);
    this.#put(key, { text: undefined, updatedAt: Date.now() });
  }

  query({ where = [], limit = PAGE.usual, after }) {
    if (limit < 1 || limit > PAGE.largest) throw new Problem(400, "LIST_QUERY_LIMIT_EXCEEDED", `Limit for list query should be below ${PAGE.largest}.`);
    if (where.length > 1) throw new Problem(400, "QUERY_WHERE_INVALID", 'KVS queries should contain only a single "where" clause.');
    if (where.some(({ property, condition }) => property !== "key" || condition !== "BEGINS_WITH")) throw new Problem(400, "QUERY_WHERE_FIELD_INVALID", "The specified field is not supported for filters.");
    const prefix = String(where[0]?.values[0] ?? "");
    const last = after === undefined ? "" : Buffer.from(after, "base64url").toString();
    const then = Date.now() - QUERIES_LAG_MS;
    const found = [];
    for (const key of [...this.#entries.keys()].sort()) {
      if (!key.startsWith(prefix) || key <= last) continue;
      const entry = this.#at(key, then);
      if (entry !== undefined) found.push({ key, ...shown(entry) });
      if (found.length > limit) break;
    }
    const data = found.slice(0, limit);
    return { data, cursor: found.length > limit ? Buffer.from(data.at(-1).key).toString("base64url") : undefined };
  }

  #put(key, entry) {
    const before = this.#entries.get(key);
    this.#entries.set(key, { ...entry, before });
    // Older than queries show.
    if (before !== undefined && before.updatedAt < Date.now() - QUERIES_LAG_MS) before.before = undefined;
  }

  #at(key, then = Infinity) {
    let entry = this.#entries.get(key);
    while (entry !== undefined && entry.updatedAt > then) entry = entry.before;
    return entry?.text === undefined || entry.expiresAt < Date.now() ? undefined : entry;
  }
}

const ROUTES = {
  "/api/v1/get": (storage, { key }) => ({ status: 200, body: storage.get(key) }),
  "/api/v1/set": (storage, { key, value, options }) => {
    const { before, entry } = storage.set(key, value, options);
    const answered = { PREVIOUS: before, LATEST: entry }[options?.returnValue];
    return answered === undefined ? { status: 204 } : { status: 200, body: { key, ...shown(answered) } };
  },
  "/api/v1/delete": (storage, { key }) => {
    storage.delete(key);
    return { status: 204 };
  },
  "/api/v1/query": (storage, body) => ({ status: 200, body: storage.query(body) }),
  "/api/v1/batch/get": batch((storage, { key }) => storage.get(key)),
  "/api/v1/batch/set": batch((storage, { key, value, options }) => {
    storage.set(key, value, options);
    return { key };
  }),
  "/api/v1/batch/delete": batch((storage, { key }) => {
    storage.delete(key);
    return { key };
  }),
};

/** Each for itself: what fails does not keep the others from it. */
function batch(one) {
  return (storage, items) => {
    if (items.length === 0 || items.length > LARGEST_BATCH) throw new Problem(400, "BAD_REQUEST", `A batch has 1 to ${LARGEST_BATCH} keys`);
    if (new Set(items.map(({ key }) => key)).size < items.length) throw new Problem(400, "BAD_REQUEST", "A key is in a batch once");
    const [successfulKeys, failedKeys] = [[], []];
    for (const item of items) {
      if (item.entityName !== undefined) throw lacks("custom entities");
      try {
        successfulKeys.push(one(storage, item));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        failedKeys.push({ key: item.key, error: error.body });
      }
    }
    return { status: 200, body: { successfulKeys, failedKeys } };
  };
}

function shown({ text, createdAt, updatedAt, expiresAt }) {
  return { value: JSON.parse(text), createdAt, updatedAt, expireTime: expiresAt && new Date(expiresAt).toISOString() };
}

function checkKey(key) {
  if (typeof key !== "string" || key === "") throw new Problem(400, "KEY_TOO_SHORT", "The provided key needs to be more than one character.");
  if (key.length > LONGEST_KEY) throw new Problem(400, "KEY_TOO_LONG", `The provided key has exceeded the maximum ${LONGEST_KEY} characters.`);
  if (!KEY.test(key)) throw new Problem(400, "INVALID_KEY", `The provided key does not match the regex: ${KEY}`);
}

function textOf(value) {
  if (value === undefined || value === null) throw new Problem(400, "BAD_REQUEST", "A value is missing");
  if (depthOf(value) > DEEPEST_VALUE) throw new Problem(400, "MAX_DEPTH", `The provided value has exceeded the maximum object depth (${DEEPEST_VALUE}) limit.`);
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > LARGEST_VALUE) throw new Problem(400, "MAX_SIZE", "The provided value has exceeded the maximum size limit.");
  return text;
}

function depthOf(value) {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
