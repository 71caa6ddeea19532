// Python with the packages of tests/python/requirements.txt.
import { join } from "node:path";

import { here } from "./consumer.mjs";

/** Where `cargo xtask test` installed it. */
export const python = join(process.env.FORGE_RELAY_PYTHON_BIN ?? join(here, "../../target/venv/bin"), "python");
