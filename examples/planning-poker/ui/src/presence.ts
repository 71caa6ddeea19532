import { useEffect, useState } from "react";
import { SEEN_EVERY_MS, type Person } from "../../shared/table";
import { call } from "./functions";
import { useLatest } from "./latest";
import type { Seat } from "./seat";

/** What the functions said of who was seen. */
export interface Heard {
  people: Record<string, Person>;
  /** When, by their clock, in Unix milliseconds. */
  at: number;
}

/**
 * Says that this person is here, as long as somebody can see the page, and hears when the others were. `lost` is called
 * where the table does not know them any more.
 */
export function usePresence(seat: Seat | undefined, lost: () => void, setClock: (theirs: number) => void): Heard | undefined {
  const [heard, setHeard] = useState<Heard>();
  const latest = useLatest({ lost, setClock });
  const me = seat?.me;
  useEffect(() => {
    if (me === undefined) return undefined;
    let gone = false;
    const say = async () => {
      if (document.visibilityState === "hidden") return;
      const answer = await call("seen").catch(() => undefined);
      if (gone || answer === undefined) return;
      if (answer.ok) {
        // They have just written down that they saw this page: so late it is there.
        const at = answer.people[me]?.seenAt;
        if (at === undefined) return;
        setHeard({ people: answer.people, at });
        latest.current.setClock(at);
      } else if (answer.code === "not_here") {
        latest.current.lost();
      }
    };
    void say();
    const timer = setInterval(() => void say(), SEEN_EVERY_MS);
    const onVisible = () => void say();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      gone = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [me, latest]);
  return heard;
}
