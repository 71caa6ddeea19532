// The node package beside what an app would take without it: jsonwebtoken for tokens, standardwebhooks for signatures.
// In one run, in turns, medians. `node bench.mjs TARBALL…`
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROUNDS = 15;
const SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const here = dirname(fileURLToPath(import.meta.url));
const tarballs = process.argv.slice(2);

const app = mkdtempSync(join(tmpdir(), "forge-relay-bench-"));
process.on("exit", () => rmSync(app, { recursive: true, force: true }));
writeFileSync(join(app, "package.json"), '{ "name": "bench", "private": true, "type": "module" }');
execFileSync("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...tarballs], { cwd: app, stdio: "inherit" });
for (const peer of ["jsonwebtoken", "standardwebhooks"]) symlinkSync(join(here, "node_modules", peer), join(app, "node_modules", peer));

const ours = `import { Relay, runtime } from "@forge-relay/node";
const relay = new Relay({ url: "https://relay.example.com", secret: "${SECRET}" });
const mint = () => relay.mintToken({ accountId: "acct-123", sessionId: "abc-123" }).token;
const sign = (body) => relay.signRequest(body);`;
const theirs = {
  // Its fast way, with a key object, and its usual one.
  jsonwebtoken: `import { createSecretKey } from "node:crypto";
import jwt from "jsonwebtoken";
const key = createSecretKey(Buffer.from("${SECRET}".slice(6), "base64"));
const mint = () => jwt.sign({ sub: "acct-123", sessionId: "abc-123", scope: ["subscribe"], jti: crypto.randomUUID() }, key, { algorithm: "HS256", expiresIn: 300 });`,
  jsonwebtokenText: `import jwt from "jsonwebtoken";
const key = "${SECRET}";
const mint = () => jwt.sign({ sub: "acct-123", sessionId: "abc-123", scope: ["subscribe"], jti: crypto.randomUUID() }, key, { algorithm: "HS256", expiresIn: 300 });`,
  standardwebhooks: `import { Webhook } from "standardwebhooks";
const hook = new Webhook("${SECRET}");
const sign = (body) => {
  const id = "msg_" + crypto.randomUUID().replaceAll("-", "");
  const now = new Date();
  return { "webhook-id": id, "webhook-timestamp": String(Math.floor(now / 1000)), "webhook-signature": hook.sign(id, now, body) };
};`,
};
// Imports are hoisted, so what is timed is imported by a program that is imported itself.
const programs = { ours, ...theirs };
for (const [name, code] of Object.entries(programs)) {
  const exported = [/const mint/.test(code) && "mint", /const sign/.test(code) && "sign"].filter(Boolean).join(", ");
  writeFileSync(join(app, `${name}.mjs`), `${code}\nexport { ${exported} };\n`);
}
writeFileSync(join(app, "first.mjs"), `const start = performance.now();
const { mint } = await import("./" + process.argv[2] + ".mjs");
mint();
console.log(performance.now() - start);`);
writeFileSync(join(app, "rate.mjs"), `const { mint, sign } = await import("./" + process.argv[2] + ".mjs");
const body = JSON.stringify({ sessionId: "abc-123", event: "vote.cast", payload: { issueKey: "SCRUM-1", value: "5", participantId: "acct-123" }, nonce: crypto.randomUUID(), timestamp: new Date().toISOString() });
const work = process.argv[3] === "mint" ? mint : () => sign(body);
const run = (ms) => {
  const start = performance.now();
  let count = 0;
  do for (let n = 0; n < 100; n += 1, count += 1) work(); while (performance.now() - start < ms);
  return (count / (performance.now() - start)) * 1000;
};
run(300);
console.log(run(500));`);

const rows = [
  ["native", "ours", []],
  ["wasm", "ours", ["--conditions=webpack"]],
  ["jsonwebtoken", "jsonwebtoken", []],
  ["jsonwebtoken, text", "jsonwebtokenText", []],
  ["standardwebhooks", "standardwebhooks", []],
];
const number = (words) => Number(execFileSync(process.execPath, words, { cwd: app, encoding: "utf8" }));
const sorted = (values) => values.sort((a, b) => a - b);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];
const measured = new Map();
const measure = (what, name, words) => {
  const key = `${what} ${name}`;
  if (!measured.has(key)) measured.set(key, []);
  measured.get(key).push(number(words));
};
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, program, flags] of rows) {
    if (name !== "standardwebhooks") measure("first", name, [...flags, "first.mjs", program]);
    if (round % 3 !== 0) continue;
    if (name !== "standardwebhooks") measure("mint", name, [...flags, "rate.mjs", program, "mint"]);
    if (!name.startsWith("jsonwebtoken")) measure("sign", name, [...flags, "rate.mjs", program, "sign"]);
  }
}
const value = (what, name) => (measured.has(`${what} ${name}`) ? median(measured.get(`${what} ${name}`)) : undefined);
const least = (name) => (measured.has(`first ${name}`) ? sorted(measured.get(`first ${name}`))[0] : undefined);
const shown = (figure, digits) => (figure === undefined ? "–" : figure.toLocaleString("en", { maximumFractionDigits: digits }));
console.log(`\nNode ${process.versions.node}, ${ROUNDS} rounds (rates: ${Math.ceil(ROUNDS / 3)}), medians\n`);
console.log(`${"".padEnd(20)}${"import + first mintToken, ms (least)".padStart(38)}${"mintToken/s".padStart(14)}${"signRequest/s".padStart(16)}`);
for (const [name] of rows) {
  console.log(`${name.padEnd(20)}${`${shown(value("first", name), 1)} (${shown(least(name), 1)})`.padStart(38)}${shown(value("mint", name), 0).padStart(14)}${shown(value("sign", name), 0).padStart(16)}`);
}
const dist = join(app, "node_modules/@forge-relay/node/dist");
const size = gzipSync(readFileSync(join(dist, "core-wasm.js")), { level: 9 }).byteLength;
console.log(`\nWebAssembly form, one file: ${shown(size / 1000, 1)} kB gzip`);
const targets = [
  ["first mintToken as WebAssembly ≤ 25 ms", value("first", "wasm") <= 25],
  ["first mintToken natively ≤ 10 ms", value("first", "native") <= 10],
  ["WebAssembly form ≤ 200 kB gzip", size <= 200_000],
];
console.log("\ntargets");
for (const [name, reached] of targets) console.log(`  ${reached ? "pass" : "MISS"}  ${name}`);
process.exitCode = targets.every(([, reached]) => reached) ? 0 : 1;
