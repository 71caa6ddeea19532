import { useCallback, useEffect, useRef, useState } from "react";
import type { Card, Delivery, Table } from "../../shared/table";
import { BallotBox, type Ballot } from "./ballot";
import { useLatest } from "./latest";
import { useMemory } from "./memory";
import type { Seat } from "./seat";

export interface Vote {
  /** The card that this person has put down in this round, as far as this browser knows. */
  card: Card | undefined;
  /** `late` says that it is not saved although it should be. */
  state: "none" | "saving" | "saved" | "late";
  /** Puts a card down, after a pause in which another one may be chosen. */
  choose: (card: Card, afterMs: number) => void;
}

interface Hearer {
  saved(delivery: Delivery): void;
  refused(answer: { ok: false; code: string; message: string }): void;
  /** The cards were opened before a vote was saved. */
  missed(card: Card): void;
}

/** A person's own vote: shown at once, and sent until it is saved or the round is over. */
export function useVote(seat: Seat | undefined, table: Table | undefined, hearer: Hearer): Vote {
  const [ballot, setBallot] = useState<Ballot>();
  const [kept, keep] = useMemory(seat);
  const box = useRef<BallotBox>(null);
  const latest = useLatest({ hearer, keep });

  useEffect(() => {
    const made = new BallotBox({
      changed: setBallot,
      saved: (vote, { delivery }) => {
        latest.current.keep(vote);
        latest.current.hearer.saved(delivery);
      },
      refused: (answer) => latest.current.hearer.refused(answer),
    });
    box.current = made;
    return () => made.empty();
  }, [latest]);

  useEffect(() => {
    if (ballot === undefined || table === undefined || seat === undefined || isOpenFor(ballot, table)) return;
    box.current?.empty();
    const counted = table.round === ballot.round ? table.votes[seat.me] : undefined;
    if (counted !== ballot.card) latest.current.hearer.missed(ballot.card);
  }, [ballot, table, seat, latest]);

  const round = table?.round;
  const choose = useCallback(
    (card: Card, afterMs: number) => {
      if (round !== undefined) box.current?.cast({ round, card }, afterMs);
    },
    [round],
  );

  if (table === undefined || seat === undefined) return { card: undefined, state: "none", choose };
  if (table.phase !== "voting") {
    const card = table.votes[seat.me];
    return { card, state: card === undefined ? "none" : "saved", choose };
  }
  if (ballot !== undefined && isOpenFor(ballot, table)) return { card: ballot.card, state: ballot.isLate ? "late" : "saving", choose };
  if (kept?.round === table.round) return { card: kept.card, state: "saved", choose };
  return { card: undefined, state: "none", choose };
}

const isOpenFor = ({ round }: Ballot, table: Table) => table.phase === "voting" && table.round === round;
