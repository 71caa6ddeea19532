// What a package says of itself: its manifest, its types as every way of resolving them sees them, its content.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";

import { ran, tarball, tools } from "./harness/consumer.mjs";

const tool = (script, ...words) => ran(process.execPath, [join(tools, script), ...words]);
const content = async (name) => (await ran("tar", ["tzf", tarball(name)])).stdout.trim().split("\n");
const manifest = async (name) => JSON.parse((await ran("tar", ["xzOf", tarball(name), "package/package.json"])).stdout);

test("node: publint has nothing to say", async () => {
  const { stdout } = await tool("publint/src/cli.js", "run", "--strict", tarball("node"));
  assert.match(stdout, /All good!/);
});

test("node: are the types wrong? They are not", async () => {
  const { stdout } = await tool("@arethetypeswrong/cli/dist/index.js", tarball("node"), "--format", "ascii");
  assert.match(stdout, /No problems found/);
});

test("node: no install scripts, no dependencies but the platform packages", async () => {
  const { scripts, dependencies, peerDependencies, optionalDependencies } = await manifest("node");
  assert.deepEqual([scripts, dependencies, peerDependencies], [undefined, undefined, undefined]);
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const platform = await manifest(name.replace("@forge-relay/", ""));
    assert.deepEqual([platform.name, platform.version, platform.scripts], [name, version, undefined]);
  }
});

test("node: the tarball holds what runs, its types and its licences, and nothing else", async () => {
  const files = await content("node");
  const odd = files.filter((file) => !/^package\/(package\.json|README\.md|LICENSE-(MIT|APACHE)|dist\/[\w-]+(\.d)?\.m?[jt]s)$/.test(file));
  assert.deepEqual(odd, []);
});
