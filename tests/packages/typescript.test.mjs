// The types under `tsc --strict`, as CommonJS and as a module.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { consumer, ran, tools } from "./harness/consumer.mjs";

const links = ["@forge/api", "@forge/events", "@types/node", "undici-types"];
const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022", "--lib", "es2022,dom", "--types", "node", "--preserveSymlinks"];
/** By the compiler that Forge's own tools have, and by the newest. */
async function tsc(folder, ...words) {
  for (const compiler of ["typescript", "typescript-7"]) {
    await ran(process.execPath, [join(tools, compiler, "bin/tsc"), ...strict, ...words], { cwd: folder });
  }
}

for (const [type, resolution] of [
  ["commonjs", ["--module", "nodenext"]],
  ["module", ["--module", "nodenext"]],
  ["module", ["--module", "esnext", "--moduleResolution", "bundler"]],
]) {
  test(`an app's TypeScript, strict: ${type} ${resolution.at(-1)}`, async (t) => {
    const folder = await consumer(t, { from: "typescript", install: ["node"], links, type });
    await tsc(folder, ...resolution, "--skipLibCheck", "app.ts");
    // Our own declarations hold up without the libraries around them.
    writeFileSync(join(folder, "own.ts"), 'import { Relay } from "@forge-relay/node";\nexport const relay = Relay.fromEnv();\n');
    await tsc(folder, ...resolution, "own.ts");
  });
}
