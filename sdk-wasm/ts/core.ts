import type * as WasmCore from "./core/wasm.js";
import { invalid, RelayError } from "./errors.js";

/** The contract, in the form that runs here. */
export type Core = Awaited<ReturnType<typeof WasmCore.load>>;

/** A cursor's state machine as the core has it. */
export type CoreSubscription = InstanceType<Core["Subscription"]>;

/** Which form of the core to run: `auto` takes WebAssembly wherever it may be compiled. */
export type Form = "auto" | "wasm" | "js";

/** The form that runs: WebAssembly, or the same code as JavaScript. */
export type Runtime = "wasm" | "wasm2js";

const FORMS: readonly Form[] = ["auto", "wasm", "js"];
const RETRIES = 5;

const loaded: { [R in Runtime]?: Promise<Core> } = {};
let latest: Runtime | undefined;

/** Which form of the core runs on this page; `undefined` until the first `connect` has loaded one. */
export function runtime(): Runtime | undefined {
  return latest;
}

/** Whether this is one. */
export function checkForm(form: unknown): Form {
  if (form === undefined) return "auto";
  if (FORMS.includes(form as Form)) return form as Form;
  throw invalid("form", `must be one of ${FORMS.map((each) => `"${each}"`).join(", ")}`);
}

/** Loads a form of the core, once for the page. */
export async function loadCore(form: Form): Promise<{ core: Core; runtime: Runtime }> {
  const chosen = form === "js" || (form === "auto" && !mayCompile()) ? "wasm2js" : "wasm";
  const core = await (loaded[chosen] ??= load(chosen));
  latest = chosen;
  return { core, runtime: chosen };
}

async function load(chosen: Runtime): Promise<Core> {
  for (let failures = 0; ; failures += 1) {
    try {
      const form = await (chosen === "wasm" ? import("./core/wasm.js") : import("./core/js.js"));
      return await form.load();
    } catch (cause) {
      if (isRefusal(cause) || failures === RETRIES) {
        delete loaded[chosen];
        throw unavailable(chosen, cause);
      }
      // A chunk that did not arrive: the network is as unsure as anywhere else here.
      await new Promise((resume) => setTimeout(resume, 250 * 2 ** failures * (1 + Math.random())));
    }
  }
}

/**
 * Whether this page may compile WebAssembly. A Forge page may not, and there even the question would be a violation of
 * its Content-Security-Policy, reported and logged: it is not asked.
 */
function mayCompile(): boolean {
  if ("__bridge" in globalThis) return false;
  try {
    const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
    return typeof WebAssembly === "object" && new WebAssembly.Module(empty) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

function isRefusal(cause: unknown): boolean {
  return typeof WebAssembly === "object" && cause instanceof WebAssembly.CompileError;
}

function unavailable(chosen: Runtime, cause: unknown): RelayError {
  const cure =
    chosen === "wasm" && isRefusal(cause)
      ? 'this page may not compile WebAssembly; leave out form: "wasm", or allow "unsafe-eval"'
      : "a part of @forge-relay/client could not be loaded; is the page deployed with all of its chunks?";
  return new RelayError(cure, { code: "runtime_unavailable", retryable: !isRefusal(cause), cause });
}
