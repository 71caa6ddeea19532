// The diagrams in the documents, drawn as GitHub draws them: by mermaid.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";

import { blocks, DOCUMENTS } from "../../packages/harness/markdown.mjs";
import { launch } from "../harness/chromium.js";

const MERMAID = fileURLToPath(import.meta.resolve("@mermaid-js/tiny/dist/mermaid.tiny.js"));
const diagrams = DOCUMENTS.flatMap(blocks).filter(({ language }) => language === "mermaid");

describe("mermaid", () => {
  let [chromium, page] = [];
  before(async () => {
    chromium = await launch();
    page = await chromium.newPage();
    await page.addScriptTag({ path: MERMAID });
  });
  after(() => chromium?.close());

  for (const { where, code } of diagrams) {
    test(`draws ${where}`, async () => {
      const drawing = await page.evaluate(async (text) => {
        const { svg } = await globalThis.mermaid.render("diagram", text);
        document.body.innerHTML = svg;
        const { width, height } = document.querySelector("svg").getBoundingClientRect();
        return { width, height };
      }, code);
      assert.ok(drawing.width > 100 && drawing.height > 100, JSON.stringify(drawing));
    });
  }

  test("refuses what is no diagram", async () => {
    await assert.rejects(page.evaluate(() => globalThis.mermaid.render("none", "sequenceDiagram\n  A->> ")), /Parse error/);
  });
});
