// What Atlassian's own package says of a Forge app's manifest.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import YAML from "yaml";

import { ran, tools } from "./consumer.mjs";

/** An app around which a part of a manifest makes sense. */
const APP = YAML.parse(`
app: { id: "ari:cloud:ecosystem::app/00000000-0000-4000-8000-000000000000", runtime: { name: nodejs22.x } }
modules:
  jira:issuePanel: [{ key: panel, title: Panel, icon: "https://example.com/icon.svg", resource: main, resolver: { function: resolver } }]
  function: [{ key: resolver, handler: index.handler }]
resources: [{ key: main, path: ui }]
`);

/** The errors and warnings of manifests, or of parts of them: a list for each. */
export async function manifestErrors(t, texts) {
  const folder = mkdtempSync(join(tmpdir(), "forge-relay-manifest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, file] of [["src", "index.js"], ["ui", "index.html"]]) {
    mkdirSync(join(folder, path));
    writeFileSync(join(folder, path, file), "");
  }
  const files = texts.map((text, index) => {
    const given = YAML.parse(text);
    const file = `manifest-${index}.yml`;
    writeFileSync(join(folder, file), YAML.stringify("app" in given ? given : merged(APP, given)));
    return file;
  });
  // It looks around in the working folder, and takes seconds to load.
  const program = `
    const { ProcessorBuilder, ValidationTypes } = require(${JSON.stringify(join(tools, "@forge/manifest"))});
    const processor = ProcessorBuilder.instance().withValidation(ValidationTypes.FULL).build();
    Promise.all(${JSON.stringify(files)}.map((file) => processor.process(file)))
      .then((results) => process.stdout.write(JSON.stringify(results.map(({ errors }) => errors))));`;
  const { stdout } = await ran(process.execPath, ["-e", program], { cwd: folder });
  return JSON.parse(stdout).map((errors) => errors.map(({ level, line, message }) => `${level} in line ${line}: ${message}`));
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Objects are joined, lists too; of all else the second counts. */
function merged(first, second) {
  if (Array.isArray(first) && Array.isArray(second)) return [...first, ...second];
  if (!isObject(first) || !isObject(second)) return second;
  const both = { ...first };
  for (const [name, value] of Object.entries(second)) both[name] = name in first ? merged(first[name], value) : value;
  return both;
}
