// `#core` in wasm.mjs, for bundles, and core-wasm.js, where no addon fits: WebAssembly, as text inside the file.
import { initSync } from "./wasm/core.js";
import { base64 } from "./wasm/bytes.js";

initSync({ module: Buffer.from(base64, "base64") });

export { Publisher, receipts } from "./wasm/core.js";
export const randomUuid = (): string => crypto.randomUUID();
export const form = "wasm";
