import { useState } from "react";
import type { Answer, Delivery, Functions, Table } from "../../shared/table";
import { UNREACHED } from "./sentences";

/** What changes the table for all. */
export type Action = Extract<keyof Functions, "reveal" | "nextRound" | "applyEstimate" | "takeOver">;

type Changed = Answer<{ table: Table; delivery: Delivery }>;

/** Runs one action at a time and hands its answer on. */
export function useActions(hear: (answer: Changed | typeof UNREACHED) => void) {
  const [running, setRunning] = useState<Action>();
  const run = async (action: Action, ask: () => Promise<Changed>) => {
    if (running !== undefined) return;
    setRunning(action);
    const answer = await ask().catch(() => UNREACHED);
    setRunning(undefined);
    hear(answer);
  };
  return { running, run };
}
