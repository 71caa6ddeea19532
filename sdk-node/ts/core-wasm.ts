// `#core` in wasm.js, for bundles, and where no addon fits: WebAssembly, in this very file once it is packed.
import { initSync } from "./wasm/core.js";
import { base64 } from "./wasm/bytes.js";

initSync({ module: Buffer.from(base64, "base64") });

export { Publisher, receipts } from "./wasm/core.js";
export const randomUuid = (): string => crypto.randomUUID();
export const form = "wasm";
