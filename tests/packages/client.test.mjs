// The packed client: what it says of itself, and its types under `tsc --strict` in an app. How it runs is what
// tests/browser holds.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

import { consumer, here, ran, tarball, tools } from "./harness/consumer.mjs";

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

for (const [react, types] of [["19", "@types/react"], ["18", "@types/react-18"]]) {
  test(`every TypeScript block of sdk-wasm/README.md and of README.md compiles as it stands, with React ${react}`, async (t) => {
    const readmes = ["../../sdk-wasm/README.md", "../../README.md"].map((file) => readFileSync(join(here, file), "utf8"));
    const blocks = readmes.flatMap((readme) => [...readme.matchAll(/```(tsx?)\n([\s\S]*?)```/g)]);
    assert.ok(blocks.length >= 5, `${blocks.length} blocks`);
    const folder = await consumer(t, { install: ["client", "node"], links: ["@forge/bridge"], type: "module", registry: true });
    const files = blocks.map(([, kind, code], index) => {
      const file = `block-${index + 1}.${kind}`;
      writeFileSync(join(folder, file), `${code}\nexport {};\n`);
      return file;
    });
    const paths = { react: [join(tools, types)], "react/jsx-runtime": [join(tools, types, "jsx-runtime")] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { jsx: "react-jsx", paths, types: [] }, files }));
    for (const compiler of ["typescript", "typescript-7"]) {
      await ran(process.execPath, [join(tools, compiler, "bin/tsc"), ...strict, "--skipLibCheck", "--project", "."], { cwd: folder });
    }
    // Our own declarations hold up without the libraries around them.
    writeFileSync(join(folder, "own.ts"), 'import { connect, syncState } from "@forge-relay/client";\nexport { connect, syncState };\n');
    await ran(process.execPath, [join(tools, "typescript/bin/tsc"), ...strict, "own.ts"], { cwd: folder });
  });
}
