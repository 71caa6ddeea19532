// Where things are.

import { fileURLToPath } from "node:url";
import path from "node:path";

export const HERE = fileURLToPath(new URL("..", import.meta.url));
export const WORKSPACE = path.resolve(HERE, "../..");
const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(WORKSPACE, "target");

/** The relay that the tests run against. */
export const RELAY = process.env.FORGE_RELAY_BIN ?? path.join(TARGET, "debug", "forge-relay");

/** Where the pages are built. */
export const PAGES = process.env.FORGE_RELAY_BROWSER_PAGES ?? path.join(TARGET, "browser");

/** The app that publishes: @forge-relay/node lies in its node_modules. */
export const PUBLISHER = path.join(PAGES, "publisher");

/** Planning poker, as `cargo xtask demo` builds it. */
export const DEMO_APP = process.env.DEMO_APP ?? path.join(TARGET, "demo", "app");

/** What the tests of planning poker look like, for eyes. */
export const SCREENSHOTS = path.join(TARGET, "browser", "screenshots");

export const CHROMIUM = process.env.FORGE_RELAY_CHROMIUM ?? "/usr/bin/chromium";

/** sdk-core's golden vectors. */
export const VECTORS = path.join(WORKSPACE, "sdk-core", "vectors");
