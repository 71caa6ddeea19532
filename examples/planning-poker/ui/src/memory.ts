import { useCallback, useEffect, useState } from "react";
import { DECK, type Card } from "../../shared/table";
import type { Seat } from "./seat";

/** What somebody voted, as their own browser remembers it: the functions tell nobody before the cards are open. */
export interface OwnVote {
  round: number;
  card: Card;
}

/** The latest own vote, the same in all of a person's tabs. Where the browser forbids storage, in this one only. */
export function useMemory(seat: Seat | undefined): [OwnVote | undefined, (vote: OwnVote) => void] {
  const [vote, setVote] = useState<OwnVote>();
  const place = seat && `planning-poker:${seat.sessionId}:${seat.me}`;
  useEffect(() => {
    if (place === undefined) return undefined;
    setVote(read(() => localStorage.getItem(place)));
    const listen = ({ key, newValue }: StorageEvent) => {
      if (key === place) setVote(read(() => newValue));
    };
    addEventListener("storage", listen);
    return () => removeEventListener("storage", listen);
  }, [place]);
  const keep = useCallback(
    (now: OwnVote) => {
      setVote(now);
      try {
        if (place !== undefined) localStorage.setItem(place, JSON.stringify(now));
      } catch {
        // Full or forbidden.
      }
    },
    [place],
  );
  return [vote, keep];
}

function read(get: () => string | null): OwnVote | undefined {
  try {
    const { round, card } = JSON.parse(get() ?? "{}") as Partial<OwnVote>;
    return typeof round === "number" && card !== undefined && DECK.includes(card) ? { round, card } : undefined;
  } catch {
    return undefined; // forbidden, or none of ours
  }
}
