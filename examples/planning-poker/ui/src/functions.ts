import { invoke } from "@forge/bridge";
import type { Functions } from "../../shared/table";

/** A function's answer where it did what was asked. */
export type Done<K extends keyof Functions> = Extract<Functions[K]["answer"], { ok: true }>;

/** Forge ends a function after 25 seconds: who has not answered by then never will. */
const DEADLINE_MS = 30_000;

/** Calls a function of the app. Rejects where there is no answer, or where the function threw. */
export async function call<K extends keyof Functions>(
  key: K,
  ...[payload]: Functions[K]["payload"] extends undefined ? [] : [Functions[K]["payload"]]
): Promise<Functions[K]["answer"]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${key}: no answer within ${DEADLINE_MS / 1_000} seconds`)), DEADLINE_MS);
  });
  try {
    return (await Promise.race([invoke(key, payload), late])) as Functions[K]["answer"];
  } finally {
    clearTimeout(timer);
  }
}

/** How long to wait before a call is made again that failed so many times: longer and longer, never more than 15 seconds. */
export function pauseAfter(failures: number): number {
  const bound = Math.min(1_000 * 2 ** (failures - 1), 15_000);
  return bound / 2 + (Math.random() * bound) / 2;
}
