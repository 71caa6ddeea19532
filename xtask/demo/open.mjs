// The page, in the browser of whoever sits at this machine.

import { spawn } from "node:child_process";

/** Where there is none, the address on the terminal must do. */
export function open(url) {
  const [program, ...words] = opener();
  if (program === undefined) return;
  const child = spawn(program, [...words, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

function opener() {
  const { CI, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (CI) return [];
  if (process.platform === "darwin") return ["open"];
  if (process.platform === "win32") return ["cmd", "/c", "start", ""];
  return DISPLAY || WAYLAND_DISPLAY ? ["xdg-open"] : [];
}
