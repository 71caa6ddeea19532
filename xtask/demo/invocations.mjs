// What pages ask of the functions, on its way through the people's weather.

import { EventEmitter } from "node:events";

const KEPT = 30;

/** Emits `change`. */
export class Invocations extends EventEmitter {
  /** `{ person, key, ms, ok, at }`, newest last. */
  latest = [];
  #app;
  #people;
  #issueId;

  constructor(app, people, issueId) {
    super();
    this.#app = app;
    this.#people = people;
    this.#issueId = issueId;
    app.on("invocation", ({ accountId, key, ms, ok }) => {
      this.latest.push({ person: accountId ?? null, key, ms: Math.round(ms), ok, at: Date.now() });
      if (this.latest.length > KEPT) this.latest.shift();
      this.emit("change");
    });
  }

  async invoke(person, key, payload) {
    passes(person);
    if (key === "getToken" && person.sky.tokens === "held") {
      this.#people.asksInVain(person);
      throw new Error("there is no token for now: the demo holds it back");
    }
    const value = await this.#app.invoke({ accountId: person.id, issueId: this.#issueId, key, payload });
    // A function that has run has run, even if its answer is lost on the way.
    passes(person);
    if (key === "getToken") this.#people.hasToken(person, value.expiresAt);
    return value;
  }
}

function passes(person) {
  if (person.sky.network === "cut") throw new Error("Failed to fetch");
}
