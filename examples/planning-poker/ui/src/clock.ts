import { useCallback, useEffect, useState } from "react";

const TICK_MS = 5_000;

/**
 * The time as the functions have it, in Unix milliseconds: what they say of people is said by their clock, and this
 * machine's may be wrong. `set` takes a time that they told just now.
 */
export function useClock(): { now: number; set: (theirs: number) => void } {
  const [tick, setTick] = useState(Date.now);
  const [ahead, setAhead] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  const set = useCallback((theirs: number) => setAhead(theirs - Date.now()), []);
  return { now: tick + ahead, set };
}
