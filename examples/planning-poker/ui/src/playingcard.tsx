import type { Card } from "../../shared/table";
import type { Player } from "./players";
import "./playingcard.css";

/** A place on the table: empty, with a card that shows its back, or with an open one. */
export function PlayingCard({ hasVoted, card, extreme, isAgreed }: Pick<Player, "hasVoted" | "card" | "extreme"> & { isAgreed: boolean }) {
  const side = card !== undefined ? "front" : hasVoted ? "back" : "none";
  return (
    <span className="playing-card" data-side={side} data-mark={isAgreed ? "agreed" : extreme} aria-hidden="true">
      <span className="playing-card-turn">
        <span className="playing-card-back" />
        <span className="playing-card-front">{card}</span>
      </span>
    </span>
  );
}

/** The same in words. */
export function cardWords({ hasVoted, card, extreme }: Player): string {
  const value: Card | undefined = card;
  if (value === undefined) return hasVoted ? "has voted" : "has not voted";
  return extreme === undefined ? `chose ${value}` : `chose ${value}, the ${extreme}`;
}
