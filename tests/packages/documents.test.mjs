// What is written in the documents: every block of code has a rule, and is compiled or checked by it here, run by
// commands.test.mjs, or drawn by tests/browser/suites/diagrams.test.js.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { consumer, ran, tools } from "./harness/consumer.mjs";
import { manifestErrors } from "./harness/manifest.mjs";
import { anchors, blocks, DOCUMENTS, links, root } from "./harness/markdown.mjs";

const every = DOCUMENTS.flatMap(blocks);
const written = (...languages) => every.filter(({ language }) => languages.includes(language));

test("there is a rule for every block", () => {
  const ruled = written("sh", "js", "toml", "text", "ts", "tsx", "json", "yaml", "mermaid");
  assert.deepEqual(every.filter((block) => !ruled.includes(block)).map(({ where, language }) => `${where} ${language}`), []);
});

test("every link between documents leads somewhere", () => {
  const leads = ({ path, anchor }) => existsSync(join(root, path)) && (!anchor || anchors(path).includes(anchor));
  const lost = DOCUMENTS.flatMap((document) => links(document).filter((link) => !leads(link)).map(({ target }) => `${document}: ${target}`));
  assert.deepEqual(lost, []);
});

for (const [react, types] of [["19", "@types/react"], ["18", "@types/react-18"]]) {
  test(`TypeScript compiles under strict, with React ${react}`, async (t) => {
    const folder = await consumer(t, {
      install: ["client", "node"],
      links: ["@forge/api", "@forge/bridge", "@forge/events", "@forge/resolver", "@types/node", "undici-types"],
      type: "module",
      registry: true,
    });
    const files = written("ts", "tsx").map(({ language, code, where }) => {
      const name = `${where.replaceAll(/\W/g, "-")}.${language}`;
      writeFileSync(join(folder, name), `${code}\nexport {};\n`);
      return name;
    });
    const compilerOptions = {
      ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true, preserveSymlinks: true },
      ...{ target: "es2022", lib: ["es2022", "dom"], module: "esnext", moduleResolution: "bundler", jsx: "react-jsx", types: ["node"] },
      paths: { react: [join(tools, types)], "react/jsx-runtime": [join(tools, types, "jsx-runtime")] },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    // By the compiler that Forge's own tools have, and by the newest.
    for (const compiler of ["typescript", "typescript-7"]) {
      await ran(process.execPath, [join(tools, compiler, "bin/tsc"), "--project", "."], { cwd: folder });
    }
  });
}

test("JSON is what the contract's schemas say, by the name behind `json`", () => {
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
  for (const format of ["uint", "uint16", "uint32", "uint64"]) ajv.addFormat(format, true);
  for (const { word, code, where } of written("json")) {
    const schema = join(root, "openapi/schemas", `${word}.json`);
    assert.ok(existsSync(schema), `${where}: there is no schema ${word}`);
    const valid = ajv.compile(JSON.parse(readFileSync(schema, "utf8")));
    assert.ok(valid(JSON.parse(code)), `${where}: ${ajv.errorsText(valid.errors)}`);
  }
});

test("manifests are taken by @forge/manifest", async (t) => {
  const manifests = written("yaml");
  const errors = await manifestErrors(t, manifests.map(({ code }) => code));
  manifests.forEach(({ where }, index) => assert.deepEqual(errors[index], [], where));
});
