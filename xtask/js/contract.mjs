// Writes TypeScript types of the contract: `node contract.mjs SCHEMAS OUT NAME…`. SCHEMAS is a folder of JSON Schemas, of
// which NAME… are wanted, with all that they refer to.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "json-schema-to-typescript";

const [schemas, out, ...names] = process.argv.slice(2);

const definitions = {};
for (const name of names) {
  const { $defs, $schema, title, ...schema } = JSON.parse(readFileSync(join(schemas, `${name}.json`), "utf8"));
  Object.assign(definitions, $defs, { [name]: schema });
}

const plain = (value) => {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  // Bounds of an array would make tuples of it.
  const { minItems, maxItems, contains, $ref, ...rest } = value;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, part]) => [key, plain(part)]));
  // Beside a description, a bare reference would be written out; in `allOf` it keeps its name.
  if ($ref && rest.description) return { ...inner, allOf: [{ $ref }] };
  return $ref ? { $ref } : inner;
};
// A schema that says nothing of its type is any JSON value.
for (const schema of Object.values(definitions)) {
  if (Object.keys(schema).every((key) => key === "description")) schema.tsType = "unknown";
}

const root = {
  title: "Contract",
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(Object.keys(definitions).map((name) => [name, { $ref: `#/$defs/${name}` }])),
  $defs: plain(definitions),
};
const text = await compile(root, "Contract", {
  additionalProperties: false,
  bannerComment: "",
  format: true,
  unknownAny: true,
  style: { printWidth: 120 },
});
// The root only holds the others together.
const start = text.indexOf("export interface Contract {");
const end = text.indexOf("\n}\n", start) + 3;
const types = (text.slice(0, start) + text.slice(end)).replace(/\n{3,}/g, "\n\n").trim();
writeFileSync(out, `// Generated from openapi/schemas by \`cargo xtask generate\`: do not edit.\n\n${types}\n`);
