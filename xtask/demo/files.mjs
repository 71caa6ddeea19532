// Files of a folder, over HTTP.

import { readFile } from "node:fs/promises";
import path from "node:path";

const KINDS = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** A file's kind and bytes, or `undefined`. `pathname` is that of a URL: it does not leave the folder. */
export async function fileOf(folder, pathname) {
  const file = path.join(folder, path.posix.normalize(`/${decoded(pathname)}`));
  const kind = KINDS[path.extname(file)];
  if (kind === undefined) return undefined;
  const bytes = await readFile(file).catch(() => undefined);
  return bytes && { kind, bytes };
}

function decoded(pathname) {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return "";
  }
}

/** Answers a request with it. */
export function send(answer, { kind, bytes }, headers = {}) {
  answer.writeHead(200, { "content-type": kind, "cache-control": "no-store", "x-content-type-options": "nosniff", ...headers });
  answer.end(bytes);
}

export function sendNothing(answer, status) {
  answer.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  answer.end(`${status}\n`);
}
