// The node package beside what an app would take without it: jsonwebtoken for tokens, standardwebhooks for signatures.
// Each measurement is a process of its own, all forms in turns: what else runs on the machine disturbs all alike.
//
//   node bench.mjs [--rounds N] TARBALL…
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { gzipSync } from "node:zlib";
import webpack from "webpack";

import { byImport, byRequire, firstInvocation, module, programs, rate } from "./programs.mjs";

const { values: options, positionals: tarballs } = parseArgs({ options: { rounds: { type: "string", default: "40" } }, allowPositionals: true });
const rounds = Number(options.rounds);
/** Rates need fewer of them. */
const RATES_EVERY = 8;
/** As bundlers resolve it. */
const WASM = "--conditions=webpack";

const here = dirname(fileURLToPath(import.meta.url));
const app = mkdtempSync(join(tmpdir(), "forge-relay-bench-"));
process.on("exit", () => rmSync(app, { recursive: true, force: true }));
const write = (file, text) => writeFileSync(join(app, file), text);

write("package.json", '{ "name": "bench", "private": true }');
execFileSync("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...tarballs.map((file) => resolve(file))], { cwd: app, stdio: "inherit" });
for (const peer of ["jsonwebtoken", "standardwebhooks"]) symlinkSync(join(here, "node_modules", peer), join(app, "node_modules", peer));
mkdirSync(join(app, "node_modules/nothing"));
write("node_modules/nothing/package.json", '{ "exports": { "import": "./index.mjs", "require": "./index.js" } }');
write("node_modules/nothing/index.mjs", "export const nothing = 0;\n");
write("node_modules/nothing/index.js", "exports.nothing = 0;\n");

for (const [name, program] of Object.entries(programs)) {
  write(`${name}.mjs`, module(program));
  if (!program.mint) continue;
  write(`${name}.import.mjs`, byImport(program));
  write(`${name}.require.cjs`, byRequire(program));
  write(`${name}.bundle.cjs`, firstInvocation(`./bundles/${name}.cjs`));
}
write("rate.mjs", rate);
await bundle(["relay", "key", "text"]);

/** As Forge's bundler does by default. */
async function bundle(names) {
  const compile = promisify(webpack);
  const stats = await compile({
    mode: "production",
    target: "node20",
    context: app,
    entry: Object.fromEntries(names.map((name) => [name, `./${name}.mjs`])),
    optimization: { minimize: false },
    output: { path: join(app, "bundles"), filename: "[name].cjs", library: { type: "commonjs" } },
    performance: false,
  });
  if (stats.hasErrors()) throw new Error(stats.toString("errors-only"));
}

const rows = [
  { name: "native", program: "relay", flags: [], first: ["import", "require"], rates: ["mint", "sign"] },
  { name: "wasm", program: "relay", flags: [WASM], first: ["import", "bundle"], rates: ["mint", "sign"] },
  { name: "jsonwebtoken", program: "key", flags: [], first: ["import", "require", "bundle"], rates: ["mint"] },
  { name: "jsonwebtoken, text", program: "text", flags: [], first: ["import", "require", "bundle"], rates: ["mint"] },
  { name: "standardwebhooks", program: "standardwebhooks", flags: [], first: [], rates: ["sign"] },
  { name: "an empty package", program: "nothing", flags: [], first: ["import", "require"], rates: [] },
];
const file = { import: "import.mjs", require: "require.cjs", bundle: "bundle.cjs" };
const jobs = rows.flatMap(({ name, program, flags, first, rates }) => [
  ...first.map((way) => ({ name, what: way, every: 1, words: [...flags, `${program}.${file[way]}`] })),
  ...rates.map((work) => ({ name, what: work, every: RATES_EVERY, words: [...flags, "rate.mjs", program, work] })),
]);
const measure = ({ words }) => Number(execFileSync(process.execPath, words, { cwd: app, encoding: "utf8" }));
const shuffled = (list) => list.map((item) => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);

const measured = new Map();
const key = (name, what) => `${name}: ${what}`;
// Once before it counts, so that every file is in the system's memory.
for (const job of jobs) if (job.every === 1) measure(job);
for (let round = 0; round < rounds; round += 1) {
  for (const job of shuffled(jobs.filter(({ every }) => round % every === 0))) {
    const at = key(job.name, job.what);
    if (!measured.has(at)) measured.set(at, []);
    measured.get(at).push(measure(job));
  }
}

const at = (name, what, share) => {
  const values = measured.get(key(name, what))?.toSorted((a, b) => a - b);
  return values?.[Math.min(values.length - 1, Math.floor(values.length * share))];
};
const [least, median, p90] = [0, 0.5, 0.9].map((share) => (name, what) => at(name, what, share));
const shown = (figure, digits) => figure.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const line = (title, cells) => console.log(title.padEnd(20) + cells.map((cell) => cell.padStart(24)).join(""));

console.log(`\nNode ${process.versions.node}, ${rounds} rounds (rates: ${Math.ceil(rounds / RATES_EVERY)})`);
console.log("\nfrom before it is loaded to after the first token, ms: median (least, 90th percentile)\n");
const ways = ["import", "require", "bundle"];
line("", ways);
for (const { name, first } of rows) {
  const cell = (way) => `${shown(median(name, way), 1)} (${shown(least(name, way), 1)}, ${shown(p90(name, way), 1)})`;
  if (first.length > 0) line(name, ways.map((way) => (first.includes(way) ? cell(way) : "–")));
}
console.log("\nwarm, a second: medians\n");
line("", ["mintToken", "signRequest"]);
for (const { name, rates } of rows) {
  if (rates.length > 0) line(name, ["mint", "sign"].map((work) => (rates.includes(work) ? shown(median(name, work), 0) : "–")));
}
const size = gzipSync(readFileSync(join(app, "node_modules/@forge-relay/node/dist/wasm.mjs")), { level: 9 }).byteLength;
console.log(`\nWebAssembly form, one file: ${shown(size / 1000, 1)} kB gzip`);

const targets = [
  ["first mintToken natively ≤ 10 ms", median("native", "import") <= 10],
  ["first mintToken as WebAssembly ≤ 25 ms", median("wasm", "import") <= 25],
  ["WebAssembly form ≤ 200 kB gzip", size <= 200_000],
];
console.log("\ntargets");
for (const [name, reached] of targets) console.log(`  ${reached ? "pass" : "MISS"}  ${name}`);
// Nothing that a package does: half of the processes needed a quarter more than the least disturbed one.
if (median("an empty package", "import") > 1.25 * least("an empty package", "import")) {
  console.log("\ndisturbed: others used the machine. Quote nothing but the least of each");
}
process.exitCode = targets.every(([, reached]) => reached) ? 0 : 1;
