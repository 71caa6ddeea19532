// One page of one person: who they are, their app, what is done to their network, and how it is with them.

import { post } from "./api.js";
import { admit, dismiss } from "./bridge.js";
import { element, setAttribute, setText } from "./dom.js";
import { Flags } from "./flags.js";
import { standing, TRANSPORTS } from "./words.js";

const SWITCHES = [
  { id: "cut", label: "Cut network", what: "network", off: "pass", on: "cut" },
  { id: "block", label: "Block WebSockets", what: "websockets", off: "pass", on: "blocked" },
  { id: "hold", label: "Hold token", what: "tokens", off: "pass", on: "held" },
];

export class Pane {
  #person;
  #frame;
  #flags;
  #transport = element("span", { class: "pill" });
  #place = element("span", { class: "place" });
  #switches = new Map();
  #standing = element("p", { class: "what" });
  #isOnline = true;

  /** `tab` counts the person's tabs from 1; `openTab` opens another one, `close` is for those. */
  constructor(person, number, tab, { openTab, close }) {
    this.#person = person;
    const suffix = tab === 1 ? person.id : `${person.id}-${tab}`;
    const flags = element("ul", { class: "flags" });
    this.#flags = new Flags(flags);
    this.#frame = element("iframe", { "data-testid": `pane-${suffix}`, title: `${person.name}’s page`, src: `${person.origin}/` });
    this.#frame.addEventListener("load", () => this.#tellNetwork());
    this.#transport.dataset.testid = `transport-${suffix}`;
    this.#place.dataset.testid = `place-${suffix}`;
    this.#standing.dataset.testid = `standing-${suffix}`;
    this.root = element(
      "section",
      { class: "pane", "data-who": number, "aria-label": tab === 1 ? person.name : `${person.name}, second tab` },
      element(
        "div",
        { class: "row" },
        element("span", { class: "avatar", "aria-hidden": "true" }, person.name[0]),
        element("h2", {}, person.name, tab === 1 ? "" : element("small", {}, " tab 2")),
        this.#transport,
        this.#place,
        tab === 1
          ? element("button", { type: "button", class: "quiet", "data-testid": `tab-${person.id}`, title: `Open a second tab of ${person.name}`, "aria-label": `Open a second tab of ${person.name}`, onclick: openTab }, "+")
          : element("button", { type: "button", class: "quiet", title: "Close this tab", "aria-label": `Close ${person.name}’s second tab`, onclick: close }, "×"),
      ),
      element("div", { class: "frame" }, this.#frame, flags),
      ...(tab === 1 ? [element("div", { class: "switches", role: "group", "aria-label": `${person.name}’s network` }, ...SWITCHES.map((each) => this.#switch(each)))] : []),
      this.#standing,
    );
  }

  /** Once it is in the document, its frame has a window. */
  admit() {
    admit(this.#frame, { person: this.#person.id, origin: this.#person.origin, flags: this.#flags });
  }

  remove() {
    dismiss(this.#frame);
    this.root.remove();
  }

  show(person, state) {
    this.#person = person;
    const { sky, transport, place, cursor } = person;
    for (const { what, on } of SWITCHES) {
      const button = this.#switches.get(what);
      if (button !== undefined) setAttribute(button, "aria-pressed", String(sky[what] === on));
    }
    setText(this.#transport, transport === null ? "Offline" : TRANSPORTS[transport]);
    setAttribute(this.#transport, "data-transport", transport ?? "none");
    this.#showPlace(place, cursor, state.head);
    this.tick(state);
    const isOnline = sky.network === "pass";
    if (isOnline !== this.#isOnline) {
      this.#isOnline = isOnline;
      this.#tellNetwork();
    }
  }

  /** What changes with time alone. */
  tick(state) {
    setText(this.#standing, standing(this.#person, state));
  }

  #showPlace(place, cursor, head) {
    const isOfThisLog = place !== undefined && place.epoch === head?.epoch;
    setText(this.#place, place === undefined || head === undefined ? "–" : `${isOfThisLog ? place.seq : "–"} / ${head.seq}`);
    setAttribute(this.#place, "data-behind", place !== undefined && !(isOfThisLog && place.seq === head.seq));
    setAttribute(this.#place, "title", cursor === undefined ? "No cursor yet" : `Its cursor: ${cursor}`);
  }

  #switch({ id, label, what, off, on }) {
    const button = element("button", { type: "button", class: "switch", "data-testid": `${id}-${this.#person.id}`, "aria-pressed": "false" }, label);
    button.addEventListener("click", () => {
      const isOn = this.#person.sky[what] === on;
      void post("weather", { person: this.#person.id, [what]: isOn ? off : on }).catch(() => {}); // the state says how it is
    });
    this.#switches.set(what, button);
    return button;
  }

  #tellNetwork() {
    this.#frame.contentWindow?.postMessage({ demo: "network", online: this.#isOnline }, this.#person.origin);
  }
}
