// The same component, rendered where there is no browser.

import { createElement, version } from "react";
import { renderToString } from "react-dom/server";

import { Board } from "./board-view.js";

export { version };

export function render(properties) {
  return renderToString(createElement(Board, properties));
}
