// Light or dark: as the system has it, until somebody says otherwise.

import { byId, setAttribute } from "./dom.js";

const KEPT_AS = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();
let chosen = kept();

export const mode = () => chosen ?? (system.matches ? "dark" : "light");

/** Calls back when the mode changes. */
export function onMode(listener) {
  listeners.add(listener);
}

export function startTheme() {
  system.addEventListener("change", show);
  byId("theme").addEventListener("click", () => {
    chosen = mode() === "dark" ? "light" : "dark";
    keep(chosen);
    show();
  });
  show();
}

function show() {
  document.documentElement.dataset.theme = mode();
  setAttribute(byId("theme"), "aria-pressed", String(mode() === "dark"));
  for (const listener of listeners) listener(mode());
}

function kept() {
  try {
    return localStorage.getItem(KEPT_AS) ?? undefined;
  } catch {
    return undefined; // storage may be forbidden
  }
}

function keep(value) {
  try {
    localStorage.setItem(KEPT_AS, value);
  } catch {
    // then it lasts as long as the page
  }
}
