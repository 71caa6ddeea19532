// The packed client: what it says of itself, and its types. How it runs is what tests/browser holds.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

import { consumer, ran, tarball, tools } from "./harness/consumer.mjs";

const tool = (script, ...words) => ran(process.execPath, [join(tools, script), ...words]);
const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022", "--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler", "--preserveSymlinks"];

test("client: publint has nothing to say", async () => {
  const { stdout } = await tool("publint/src/cli.js", "run", "--strict", tarball("client"));
  assert.match(stdout, /All good!/);
});

test("client: are the types wrong? They are not, for a package of modules only", async () => {
  const { stdout } = await tool("@arethetypeswrong/cli/dist/index.js", tarball("client"), "--profile", "esm-only", "--format", "ascii");
  const seen = [...stdout.matchAll(/^(node16 \(from ESM\)|bundler): (.*)$/gm)].map(([, how, what]) => `${how} ${what.trim()}`);
  assert.deepEqual(seen, [".", "./react", "./package.json"].flatMap((path) => {
    const kind = path.endsWith(".json") ? "JSON" : "ESM";
    return [`node16 (from ESM) 🟢 (${kind})`, `bundler 🟢${kind === "JSON" ? " (JSON)" : ""}`];
  }));
});

test("client: socket.io-client is its only dependency, React an optional peer, and nothing runs at its installation", async () => {
  const { stdout } = await ran("tar", ["xzOf", tarball("client"), "package/package.json"]);
  const { scripts, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(dependencies), ["socket.io-client"]);
  assert.deepEqual([scripts, optionalDependencies], [undefined, undefined]);
  assert.deepEqual(Object.keys(peerDependencies), ["react"]);
  assert.deepEqual(peerDependenciesMeta, { react: { optional: true } });
});

test("client: the tarball holds what runs, its types and its licences, and nothing else", async () => {
  const { stdout } = await ran("tar", ["tzf", tarball("client")]);
  const files = stdout.trim().split("\n");
  const odd = files.filter((file) => !/^package\/(package\.json|README\.md|LICENSE-(MIT|APACHE)|dist\/([a-z]+\/)?[\w-]+(\.d\.ts|\.js))$/.test(file));
  assert.deepEqual(odd, []);
  for (const form of ["core/wasm.js", "core/js.js"]) assert.ok(files.includes(`package/dist/${form}`), form);
});

test("client: installed in an app of modules, it loads in plain Node, and runs its WebAssembly there", async (t) => {
  const folder = await consumer(t, { install: ["client"], type: "module", registry: true });
  writeFileSync(
    join(folder, "app.mjs"),
    `import { connect, runtime, RelayError } from "@forge-relay/client";
     try { connect({ url: "nowhere" }); } catch (error) { console.log(error instanceof RelayError, error.field); }
     const session = connect({ url: "http://127.0.0.1:9", getToken: () => { throw Object.assign(new Error("no"), { retryable: false }); } });
     session.onStatus(({ status, reason }) => { console.log(status, reason, runtime()); if (status === "denied") session.close(); });\n`,
  );
  const { stdout } = await ran(process.execPath, ["app.mjs"], { cwd: folder });
  assert.deepEqual(stdout.trim().split("\n"), ["true getToken", "connecting undefined wasm", "denied token_failed wasm", "closed undefined wasm"]);
  const { default: manifest } = await import(pathToFileURL(join(folder, "node_modules/@forge-relay/client/package.json")).href, { with: { type: "json" } });
  assert.equal(manifest.name, "@forge-relay/client");
});

test("client: its declarations hold up under `tsc --strict`, without the libraries around them", async (t) => {
  const folder = await consumer(t, { install: ["client"], type: "module", registry: true });
  writeFileSync(join(folder, "own.ts"), 'import { connect, syncState } from "@forge-relay/client";\nexport { connect, syncState };\n');
  await ran(process.execPath, [join(tools, "typescript/bin/tsc"), ...strict, "own.ts"], { cwd: folder });
});
