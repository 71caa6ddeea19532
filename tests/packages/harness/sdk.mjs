// The package itself, installed once for the tests of a file.
import { createRequire } from "node:module";
import { join } from "node:path";
import { after } from "node:test";

import { consumer } from "./consumer.mjs";

export const folder = await consumer({ after }, { install: ["node", `node-${process.platform}-${process.arch}-gnu`] });
export const sdk = createRequire(import.meta.url)(join(folder, "node_modules/@forge-relay/node"));
