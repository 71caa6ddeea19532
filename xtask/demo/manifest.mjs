// The app's manifest, with the addresses of this machine where it names a relay.

import { readFileSync } from "node:fs";
import path from "node:path";
import YAML from "yaml";

import { APP } from "./paths.mjs";

/** What the manifest says where its developer is to put in the address of a relay. */
const PLACEHOLDER = "relay.example.com";

export function manifestFor(relayUrl) {
  const { host } = new URL(relayUrl);
  const text = readFileSync(path.join(APP, "manifest.yml"), "utf8");
  return YAML.parse(text, (_key, value) => (typeof value === "string" ? value.replace(`https://${PLACEHOLDER}`, `http://${host}`).replace(`wss://${PLACEHOLDER}`, `ws://${host}`) : value));
}
