// Writes the declarations of an addon: `node binding.mjs DEFINITIONS OUT`. DEFINITIONS is what napi-derive leaves behind
// when it compiles, a JSON object a line.
import { readFileSync, writeFileSync } from "node:fs";

const [definitions, out] = process.argv.slice(2);
const lines = readFileSync(definitions, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const members = (name) =>
  lines
    .filter((line) => line.kind === "impl" && line.name === name)
    .flatMap((line) => line.def.split("\n"))
    .map((line) => `  ${line.trim()}\n`)
    .join("");

const text = lines
  .filter((line) => line.kind !== "impl")
  .map(({ kind, name, js_doc, def }) => {
    if (kind === "struct") return `${js_doc}export declare class ${name} {\n${members(name)}}\n`;
    if (kind === "fn") return `${js_doc}export declare ${def}\n`;
    throw new Error(`a ${kind} is new here: write how it is declared`);
  });
writeFileSync(out, `// Generated from sdk-node/src by \`cargo xtask generate\`: do not edit.\n\n${text.join("\n")}`);
