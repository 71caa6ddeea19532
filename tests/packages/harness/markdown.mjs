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

/** The code blocks: the language, the word behind it, the code, and where it stands. */
export function blocks(document) {
  const whole = text(document);
  return Array.from(whole.matchAll(/^```(\S*) *(.*)\n([\s\S]*?)^```$/gm), ({ 1: language, 2: word, 3: code, index }) => {
    const where = `${document}:${whole.slice(0, index).split("\n").length}`;
    return { document, language, word, code, where };
  });
}

/** The anchors that GitHub makes of the headings. */
export function anchors(document) {
  const headings = text(document).replace(/^```[\s\S]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm);
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
  const prose = text(document).replace(/^```[\s\S]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g), ...prose.matchAll(/(?:src|srcset|href)="([^"]+)"/g)].map(([, target]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      return { target, path: path === "" ? document : join(dirname(document), path), anchor };
    });
}
