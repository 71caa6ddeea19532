// Makes target/demo/app out of examples/planning-poker, step by step: `node build.mjs <step>…`, or all of them without an
// argument. Between `files` and `sdks`, npm installs what the app's lock file names; `cargo xtask demo` calls it all.
//
//   files       the app as it is in the repository          sdks     the packed SDKs, as npm would install them
//   types       the TypeScript compiler finds no error       functions   bundle/index.cjs, by Atlassian's own bundler
//   page        ui/dist, by Vite

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

import { APP, HERE, PACKAGES, WORKSPACE } from "./paths.mjs";

const SOURCE = path.join(WORKSPACE, "examples", "planning-poker");
const SDKS = { node: "dependencies", client: "devDependencies" };

const steps = { files, sdks, types, functions, page };

const wanted = process.argv.slice(2);

for (const name of wanted.length > 0 ? wanted : Object.keys(steps)) {
  if (steps[name] === undefined) fail(`there is no step ${name}: it is one of ${Object.keys(steps).join(", ")}`);
  steps[name]();
}

function files() {
  mkdirSync(APP, { recursive: true });
  for (const name of readdirSync(APP)) if (name !== "node_modules") rmSync(path.join(APP, name), { recursive: true });
  const made = [path.join(SOURCE, "node_modules"), path.join(SOURCE, "ui", "dist")];
  cpSync(SOURCE, APP, { recursive: true, filter: (file) => !made.includes(file) });
  // The lock file does not know packages that no registry has yet.
  const file = path.join(APP, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  for (const [name, list] of Object.entries(SDKS)) delete manifest[list][`@forge-relay/${name}`];
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function sdks() {
  const modules = path.join(APP, "node_modules");
  for (const name of Object.keys(SDKS)) {
    const folder = path.join(modules, "@forge-relay", name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    run("tar", "-xzf", tarball(name), "-C", folder, "--strip-components=1");
    // What npm would bring along is among the demo's own packages.
    const { dependencies = {} } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    for (const each of Object.keys(dependencies)) {
      rmSync(path.join(modules, each), { recursive: true, force: true });
      symlinkSync(path.join(HERE, "node_modules", each), path.join(modules, each), "dir");
    }
  }
}

function tarball(name) {
  const packed = new RegExp(`^forge-relay-${name}-\\d.*\\.tgz$`);
  const found = existsSync(PACKAGES) ? readdirSync(PACKAGES).filter((file) => packed.test(file)) : [];
  if (found.length !== 1) fail(`${found.length} tarballs of @forge-relay/${name} in ${PACKAGES}: \`cargo xtask pack\` writes one`);
  return path.join(PACKAGES, found[0]);
}

function types() {
  run(process.execPath, path.join(APP, "node_modules", "typescript", "bin", "tsc"), "--noEmit", "--project", APP);
}

function functions() {
  run(process.execPath, path.join(HERE, "bundle.cjs"), "src/index.ts", "bundle");
}

function page() {
  run(process.execPath, path.join(APP, "node_modules", "vite", "bin", "vite.js"), "build", "ui", "--logLevel", "warn");
}

function run(program, ...words) {
  try {
    execFileSync(program, words, { cwd: APP, stdio: "inherit" });
  } catch (error) {
    if (error.status === undefined) fail(error.message); // it did not even start; else it has said why itself
    process.exit(1);
  }
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
