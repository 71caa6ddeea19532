// What happened, in its order: the session's events with who has them, and between them what was done to the network.

import { EventEmitter } from "node:events";

import { placeOf } from "./place.mjs";

const KEPT = 100;

/** Emits `event` with an event that is new here, and `change` with everything. */
export class Timeline extends EventEmitter {
  entries = [];
  /** The newest place that anybody knows of. */
  head;
  /** The epochs, oldest first. */
  #epochs = [];
  #count = 0;

  /** An event, from whoever hears it first. */
  add(envelope) {
    const place = placeOf(envelope.cursor);
    this.#know(place);
    if (this.entries.some((entry) => entry.kind === "event" && !this.#isBefore(entry.place, place))) return;
    const entry = { kind: "event", place, envelope, publishedAt: Date.parse(envelope.timestamp), has: {} };
    this.#put(entry);
    this.emit("event", entry);
  }

  /** Something that was done, or that the relay said; `person` is whom it is about. */
  note(text, person) {
    this.#put({ kind: "note", text, person });
  }

  /** A person's page has everything up to this place; `isByEvent` if the event itself went by, and was not in a snapshot. */
  reached(person, place, isByEvent) {
    this.#know(place);
    for (const entry of this.entries) {
      if (entry.kind !== "event" || person in entry.has || this.#isBefore(place, entry.place)) continue;
      const isThis = isByEvent && entry.place.epoch === place.epoch && entry.place.seq === place.seq;
      entry.has[person] = isThis ? Math.max(0, Date.now() - entry.publishedAt) : null;
      this.emit("change");
    }
  }

  #put(entry) {
    this.#count += 1;
    this.entries.push({ id: this.#count, at: Date.now(), ...entry });
    if (this.entries.length > KEPT) this.entries.shift();
    this.emit("change");
  }

  #know(place) {
    if (!this.#epochs.includes(place.epoch)) this.#epochs.push(place.epoch);
    if (this.head === undefined || this.#isBefore(this.head, place)) this.head = place;
  }

  #isBefore(one, other) {
    const [life, otherLife] = [one, other].map(({ epoch }) => this.#epochs.indexOf(epoch));
    return life < otherLife || (life === otherLife && one.seq < other.seq);
  }
}
