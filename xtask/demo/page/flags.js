// Jira's flags: what an app shows with `showFlag`.

import { element } from "./dom.js";

const SHOWN_MS = 8_000;

export class Flags {
  #list;
  #shown = new Map();

  constructor(list) {
    this.#list = list;
  }

  show({ id, title, description, type, isAutoDismiss }) {
    this.close(id);
    const flag = element(
      "li",
      { class: "flag", "data-type": type, role: type === "error" ? "alert" : "status" },
      element("strong", {}, title ?? ""),
      element("button", { type: "button", "aria-label": "Close", onclick: () => this.close(id) }, "×"),
      element("p", {}, description ?? ""),
    );
    this.#list.append(flag);
    this.#shown.set(id, flag);
    if (isAutoDismiss) setTimeout(() => this.close(id, flag), SHOWN_MS);
  }

  /** Of one id there is one; an older one's time takes no newer one away. */
  close(id, flag = this.#shown.get(id)) {
    flag?.remove();
    if (this.#shown.get(id) === flag) this.#shown.delete(id);
  }
}
