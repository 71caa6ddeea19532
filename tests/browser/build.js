// Builds the pages that the tests open: consumers of the packed @forge-relay/client, each with the package unpacked
// into its node_modules, bundled by Vite. `node build.js <tarball or folder>`, or FORGE_RELAY_CLIENT.

import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

import { build } from "vite";

import { HERE, PAGES, PUBLISHER, WORKSPACE } from "./harness/paths.js";

const PACKAGES = process.env.FORGE_RELAY_PACKAGES ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(WORKSPACE, "target"), "packages");

/** What an app has in its node_modules beside the client; all in one production build, or React's development builds. */
const CONSUMERS = [
  { name: "plain", mode: "production", pages: ["index.html"] },
  { name: "react-18", mode: "development", pages: ["index.html", "react.html"], react: "react-18" },
  { name: "react-19", mode: "development", pages: ["index.html", "react.html"], react: "react-19" },
];

const tarball = await packed(process.argv[2] ?? process.env.FORGE_RELAY_CLIENT ?? (await newest()));
await makePublisher(path.dirname(tarball));
for (const consumer of CONSUMERS) await make(consumer);

/** The tarball that `cargo xtask pack` has written. */
async function newest() {
  const found = (await readdir(PACKAGES).catch(() => [])).filter((name) => /^forge-relay-client-.*\.tgz$/.test(name));
  if (found.length !== 1) {
    throw new Error(`${found.length} tarballs of @forge-relay/client in ${PACKAGES}; \`cargo xtask pack\` writes it, or name one: node build.js <tarball or folder>`);
  }
  return path.join(PACKAGES, found[0]);
}

async function packed(given) {
  const source = path.resolve(given);
  if (!(await stat(source)).isDirectory()) return source;
  const folder = await mkdtemp(path.join(os.tmpdir(), "forge-relay-pack-"));
  process.on("exit", () => execFileSync("rm", ["-r", folder]));
  const name = execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], { cwd: source, encoding: "utf8" });
  return path.join(folder, name.trim());
}

async function make({ name, mode, pages, react }) {
  const root = path.join(PAGES, name);
  await rm(root, { recursive: true, force: true });
  const modules = path.join(root, "node_modules");
  const client = path.join(modules, "@forge-relay", "client");
  await mkdir(client, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", client, "--strip-components=1"]);
  await cp(path.join(HERE, "app"), root, { recursive: true });
  await link(modules, "socket.io-client", HERE);
  if (react !== undefined) {
    for (const each of ["react", "react-dom"]) await link(modules, each, path.join(HERE, react));
  }
  await build({
    root,
    mode,
    base: "./",
    configFile: false,
    logLevel: "warn",
    define: { "process.env.NODE_ENV": JSON.stringify(mode) },
    build: {
      minify: mode === "production",
      rollupOptions: { input: pages.map((page) => path.join(root, page)) },
    },
  });
}

/** The app behind the pages: the packed @forge-relay/node, with the addon of this machine where there is one. */
async function makePublisher(packages) {
  await rm(PUBLISHER, { recursive: true, force: true });
  for (const file of await readdir(packages)) {
    const [, name] = /^forge-relay-(node(?:-[a-z0-9]+)*)-\d+\.\d.*\.tgz$/.exec(file) ?? [];
    if (name === undefined) continue;
    const folder = path.join(PUBLISHER, "node_modules", "@forge-relay", name);
    await mkdir(folder, { recursive: true });
    execFileSync("tar", ["-xzf", path.join(packages, file), "-C", folder, "--strip-components=1"]);
  }
}

/** A package as npm has installed it for `owner`. */
async function link(modules, name, owner) {
  const manifest = createRequire(path.join(owner, "package.json")).resolve(`${name}/package.json`);
  await symlink(path.dirname(manifest), path.join(modules, name), "dir");
}
