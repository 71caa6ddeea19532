// The people of the demo: each has a page of their own, and a weather of their own. What the relay says to their pages
// is read here.

import { EventEmitter } from "node:events";

import { placeOf } from "./place.mjs";

/** Pages are read again and again; after so long without one, they no longer are. */
const PAGES_END_MS = 15_000;
/** A page whose token has ended is left like this for so long, that one sees it. */
const HELD_ON_MS = 2_000;

/** Emits `change`, and `note` with a sentence and the person. */
export class People extends EventEmitter {
  all = [];
  #weather;
  #timeline;

  constructor(weather, timeline) {
    super();
    this.#weather = weather;
    this.#timeline = timeline;
    timeline.on("event", () => {
      for (const { id, place } of this.all) if (place !== undefined) timeline.reached(id, place, false);
    });
    weather.on("open", (line) => this.#opened(line));
    weather.on("heard", (line, name, data) => this.#heard(line, name, data));
    weather.on("closed", (line) => this.#closed(line));
  }

  /** `origin` is that of the person's page. */
  add({ id, name, origin }) {
    const person = new Person(id, name, origin);
    this.all.push(person);
    this.emit("change");
    return person;
  }

  get(id) {
    return this.all.find((person) => person.id === id);
  }

  /** Some of `network`, `websockets`, `tokens`. */
  set(person, sky) {
    const before = { ...person.sky };
    Object.assign(person.sky, sky);
    if (sky.network !== undefined || sky.websockets !== undefined) this.#weather.set(person.origin, { network: person.sky.network, websockets: person.sky.websockets });
    if (sky.network === "cut") this.#endPages(person);
    for (const [what, now] of Object.entries(sky)) if (before[what] !== now) this.#note(SAID[what][now](person.name), person);
    this.emit("change");
  }

  /** A function gave this person's page a token. */
  hasToken(person, expiresAt) {
    person.tokenEndsAt = expiresAt * 1_000;
    this.emit("change");
  }

  /** A page asks for a token while tokens are held. Nothing may be left that could tell us that the old one has ended. */
  asksInVain(person) {
    const hasToken = person.tokenEndsAt > Date.now();
    if (!hasToken && person.ready.length === 0) this.#tokenEnded(person);
  }

  #of(line) {
    return this.all.find(({ origin }) => origin === line.origin);
  }

  #opened(line) {
    this.#of(line)?.lines.add(line);
  }

  #closed(line) {
    const person = this.#of(line);
    if (person === undefined) return;
    const before = person.place;
    person.lines.delete(line);
    clearTimeout(line.end);
    if (person.ready.length === 0) person.last = before;
    this.emit("change");
  }

  #heard(line, name, data) {
    const person = this.#of(line);
    if (person === undefined) return;
    switch (name) {
      case "relay:ready":
        this.#ready(person, line, data);
        break;
      case "event":
        this.#timeline.add(data);
        this.#at(person, line, data.cursor, true);
        break;
      case "relay:resync":
        this.#at(person, line, data.cursor);
        this.#note(`${person.name} is told to resync (${data.reason}), and loads the table from storage`, person);
        break;
      case "relay:bye":
        if (data.code !== "token_expired") break;
        this.#note(`${person.name}’s token has ended, and the relay has closed the connection`, person);
        this.#tokenEnded(person);
        break;
      case "refused":
        // A page that comes back with a token that has grown old asks for another one.
        if (data.code === "token_expired") this.#tokenEnded(person);
        // A page from a place that is gone.
        if (data.code === "resync") this.#heard(line, "relay:resync", data);
        break;
      case "page":
        this.#page(person, line, data);
        break;
    }
    this.emit("change");
  }

  #ready(person, line, { cursor, recovered, replayed }) {
    this.#endPages(person); // where another tab still reads them, its next one says so
    const isOneMore = person.ready.some(({ transport }) => transport === line.transport);
    this.#at(person, line, cursor);
    if (isOneMore) return; // a second tab, or the same one with its next token
    const way = WAYS[line.transport];
    if (replayed > 0) this.#note(`${person.name} is back over ${way}: ${events(replayed)} missed, now replayed in order`, person);
    else if (recovered) this.#note(`${person.name} goes on over ${way}, and has missed nothing`, person);
    else this.#note(`${person.name} listens over ${way}`, person);
  }

  /** Pages are one line each, and together the person's way to hear. */
  #page(person, line, page) {
    let pages = person.ready.find(({ transport }) => transport === "pages");
    if (pages === undefined) {
      person.lines.add((pages = line));
      this.#note(`${person.name} goes on by ${WAYS.pages}`, person);
    }
    clearTimeout(pages.end);
    pages.end = setTimeout(() => this.#closed(pages), PAGES_END_MS).unref();
    for (const event of page.events) {
      this.#timeline.add(event);
      this.#at(person, pages, event.cursor, true);
    }
    if (page.cursor !== null) this.#at(person, pages, page.cursor);
  }

  #endPages(person) {
    for (const line of person.ready) if (line.transport === "pages") this.#closed(line);
  }

  #at(person, line, cursor, isByEvent = false) {
    line.cursor = cursor;
    if (person.place !== undefined) this.#timeline.reached(person.id, person.place, isByEvent);
  }

  #tokenEnded(person) {
    if (person.sky.tokens !== "held" || person.isReleased) return;
    person.isReleased = true;
    setTimeout(() => {
      person.isReleased = false;
      this.set(person, { tokens: "pass" });
    }, HELD_ON_MS).unref();
  }

  #note(text, person) {
    this.emit("note", text, person);
  }
}

class Person {
  sky = { network: "pass", websockets: "pass", tokens: "pass" };
  /** The lines to the relay that their pages have open. */
  lines = new Set();
  /** Where they were when the last line broke. */
  last;
  tokenEndsAt;
  /** Their tokens are about to pass again. */
  isReleased = false;

  constructor(id, name, origin) {
    this.id = id;
    this.name = name;
    this.origin = origin;
  }

  /** The lines on which the relay has said where they are. */
  get ready() {
    return [...this.lines].filter(({ cursor }) => cursor !== undefined);
  }

  /** What all of this person's open pages have: the place of the one that is furthest behind. */
  get place() {
    const places = this.ready.map(({ cursor }) => placeOf(cursor));
    if (places.length === 0) return this.last;
    const { epoch } = places.at(-1);
    return places.filter((place) => place.epoch === epoch).reduce((least, place) => (place.seq < least.seq ? place : least));
  }

  get cursor() {
    return this.place && `${this.place.epoch}-${this.place.seq}`;
  }

  get transport() {
    return this.ready.at(-1)?.transport ?? null;
  }

  toJSON() {
    const { id, name, origin, sky, place, cursor, transport, tokenEndsAt } = this;
    return { id, name, origin, sky, place, cursor, transport, tokenEndsAt };
  }
}

const SAID = {
  network: { cut: (name) => `${name}’s network is cut`, pass: (name) => `${name}’s network is back` },
  websockets: { blocked: (name) => `WebSockets are blocked for ${name}`, pass: (name) => `WebSockets pass for ${name}` },
  tokens: { held: (name) => `${name}’s next token is held back`, pass: (name) => `${name} gets tokens again` },
};

const WAYS = { websocket: "a WebSocket", sse: "server-sent events", pages: "reading pages of the log" };

const events = (count) => (count === 1 ? "1 event" : `${count} events`);
