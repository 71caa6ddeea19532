// What axe-core finds in a page or a frame: rules of accessibility that are broken, each with where.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function violations(frame) {
  // As a debugger does it: the page's own policy lets no foreign script in.
  await frame.evaluate(source);
  const { violations: found } = await frame.evaluate(() => globalThis.axe.run(document, { iframes: false }));
  return found.map(({ id, help, nodes }) => ({ id, help, where: nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary}`) }));
}
