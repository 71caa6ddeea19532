import { useCallback, useEffect, useState } from "react";
import { call, pauseAfter, type Done } from "./functions";
import { UNREACHED } from "./sentences";

/** The person's place at the table, and whose table it is. */
export type Seat = Done<"joinTable">;

/** Takes a seat, and tries until there is one; not so where Jira says that this person may not see the issue. */
export function useSeat(): { seat: Seat | undefined; problem: string | undefined; join: () => void } {
  const [seat, setSeat] = useState<Seat>();
  const [problem, setProblem] = useState<string>();
  const [failures, setFailures] = useState(0);
  const [attempt, setAttempt] = useState(0);
  const join = useCallback(() => setAttempt((before) => before + 1), []);

  useEffect(() => {
    let gone = false;
    void call("joinTable")
      .catch(() => UNREACHED)
      .then((answer) => {
        if (gone) return;
        if (answer.ok) {
          setSeat(answer);
          setProblem(undefined);
          setFailures(0);
        } else {
          setProblem(answer.message);
          if (answer.code === "not_here") setSeat(undefined);
          else setFailures((before) => before + 1);
        }
      });
    return () => {
      gone = true;
    };
  }, [attempt]);

  useEffect(() => {
    if (failures === 0) return undefined;
    const timer = setTimeout(join, pauseAfter(failures));
    return () => clearTimeout(timer);
  }, [failures, join]);

  return { seat, problem, join };
}
