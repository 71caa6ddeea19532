// A page that mounts the component as it is told to, in StrictMode, and writes down what it shows.

import { createElement, StrictMode, version } from "react";
import { createRoot } from "react-dom/client";

import { Board } from "./board-view.js";

let root;
const shown = [];
const watch = (what) => shown.push(structuredClone(what));

globalThis.kit = {
  version,
  shown,
  mount(properties) {
    root ??= createRoot(document.getElementById("root"));
    root.render(createElement(StrictMode, null, createElement(Board, { ...properties, watch })));
  },
  unmount() {
    root.unmount();
    root = undefined;
  },
};
