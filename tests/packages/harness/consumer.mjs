// A fresh folder into which the tarballs are installed as a stranger would: nothing of the repository is near.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const here = dirname(dirname(fileURLToPath(import.meta.url)));
export const tools = join(here, "node_modules");
/** Where `cargo xtask pack` wrote the tarballs. */
export const packages = variable("FORGE_RELAY_PACKAGES");

export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with \`cargo xtask test\``);
  return value;
}

const run = promisify(execFile);

/** The tarball of a package, by its name without the scope: `node`, `node-linux-x64-gnu`. */
export function tarball(name) {
  const wanted = new RegExp(`^forge-relay-${name}-\\d.*\\.tgz$`);
  const found = readdirSync(packages).find((file) => wanted.test(file));
  if (!found) throw new Error(`there is no tarball of ${name} in ${packages}`);
  return join(packages, found);
}

/**
 * An app in a folder of its own outside of the repository, with the packages installed from their tarballs.
 * `links` are packages that the app has besides, out of tests/packages/node_modules. Without `registry`, nothing can come
 * from anywhere else.
 */
export async function consumer(t, { from, install, links = [], type, registry = false }) {
  const folder = mkdtempSync(join(tmpdir(), "forge-relay-consumer-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (from) cpSync(join(here, from), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", version: "1.0.0", private: true, type }));
  await run("npm", ["install", registry ? "--prefer-offline" : "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...install.map(tarball)], { cwd: folder });
  for (const link of links) {
    mkdirSync(dirname(join(folder, "node_modules", link)), { recursive: true });
    symlinkSync(join(tools, link), join(folder, "node_modules", link));
  }
  return folder;
}

/** Runs a program to its end; its output, or an error that holds it. */
export async function ran(program, words, options = {}) {
  const { stdout, stderr } = await run(program, words, { timeout: 120_000, maxBuffer: 64 << 20, ...options }).catch((error) => {
    throw new Error(`${program} ${words.join(" ")}: ${error.message}\n${error.stdout}\n${error.stderr}`);
  });
  return { stdout, stderr };
}

/** The Node of a major version, as npm carries it. */
export const node = (major) => join(tools, `node-${major}`, "bin", "node");
