// `#core` in index.js, for plain Node: the addon of this machine, and WebAssembly where there is none.
import type * as Binding from "./binding.js";

type Core = Pick<typeof Binding, "Publisher" | "receipts" | "randomUuid"> & { form: "native" | "wasm" };

/** As napi names them. Where a C library decides, both are tried: only one of them is installed, or loads. */
const candidates: Record<string, readonly string[]> = {
  "darwin-arm64": ["darwin-arm64"],
  "darwin-x64": ["darwin-x64"],
  "linux-arm64": ["linux-arm64-gnu", "linux-arm64-musl"],
  "linux-x64": ["linux-x64-gnu", "linux-x64-musl"],
  "win32-x64": ["win32-x64-msvc"],
};

function load(): Core {
  for (const platform of candidates[`${process.platform}-${process.arch}`] ?? []) {
    try {
      const addon = require(`@forge-relay/node-${platform}`) as typeof Binding;
      return { ...addon, form: "native" };
    } catch {
      // Not installed, or not for this C library.
    }
  }
  return require("./core-wasm.js") as Core;
}

export const { Publisher, receipts, randomUuid, form } = load();
