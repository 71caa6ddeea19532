// The documents of the repository, and what is in them.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

const all = (folder, name) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((file) => name.test(file) && !file.includes("node_modules"))
    .map((file) => join(folder, file))
    .sort();

/** Those that users read. */
export const DOCUMENTS = ["README.md", ...all("docs", /\.md$/), "sdk-node/README.md", "sdk-wasm/README.md", ...all("examples", /README\.md$/)];

export const text = (document) => readFileSync(join(root, document), "utf8");

/** A block of code; in a list it is indented. */
const FENCED = /^( *)```(\S*) *(.*)\n([\s\S]*?)^\1```$/gm;

/** The code blocks: the language, the word behind it, the code, and where it stands. */
export function blocks(document) {
  const whole = text(document);
  return Array.from(whole.matchAll(FENCED), ({ 1: indent, 2: language, 3: word, 4: code, index }) => {
    const where = `${document}:${whole.slice(0, index).split("\n").length}`;
    return { language, word, code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""), where };
  });
}

/** The anchors that GitHub makes of the headings. */
export function anchors(document) {
  const headings = text(document).replace(FENCED, "").matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, heading]) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What it links to and shows, but for other sites: paths from the repository's root, and anchors. */
export function links(document) {
  const prose = text(document).replace(FENCED, "").replace(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g), ...prose.matchAll(/(?:src|srcset|href)="([^"]+)"/g)].map(([, target]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      return { target, path: path === "" ? document : join(dirname(document), path), anchor };
    });
}
