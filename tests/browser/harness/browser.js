// One browser for a file of tests, and a context of its own for each test.

import { after, before } from "node:test";

import { launch } from "./chromium.js";
import { World } from "./world.js";

/** How many tests of a file run at a time: they wait more than they compute. */
export const TOGETHER = { concurrency: 4, timeout: 180_000 };

/** Call it in a `describe`: answers with what makes a world. */
export function browser() {
  let it;
  before(async () => {
    it = await launch();
  });
  after(() => it?.close());
  return async (t, options) => {
    const context = await it.newContext();
    t.after(() => context.close());
    return World.make(t, context, options);
  };
}
