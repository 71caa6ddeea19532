// Where things are.

import path from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
export const WORKSPACE = path.resolve(HERE, "../..");
const TARGET = path.resolve(WORKSPACE, process.env.CARGO_TARGET_DIR ?? "target");

/** The built app. */
export const APP = process.env.DEMO_APP ?? path.join(TARGET, "demo", "app");

/** The relay's program. */
export const RELAY = process.env.DEMO_RELAY ?? path.join(TARGET, "debug", "forge-relay");

/** The tarballs of the SDKs. */
export const PACKAGES = process.env.FORGE_RELAY_PACKAGES ?? path.join(TARGET, "packages");
