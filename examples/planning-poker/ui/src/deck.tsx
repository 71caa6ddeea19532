import type { ChangeEvent, KeyboardEvent } from "react";
import { DECK } from "../../shared/table";
import { TYPING_MS, useTyping } from "./typing";
import type { Vote } from "./vote";
import "./deck.css";

/** The person's own cards: one is chosen with a click, with the arrow keys, or by typing its number. */
export function Deck({ vote, isOpen }: { vote: Vote; isOpen: boolean }) {
  const type = useTyping();

  // By key one passes over cards that one does not mean, so these votes wait a little.
  const onKey = (event: KeyboardEvent<HTMLElement>) => {
    if (!isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    const card = type(event.key);
    if (card === undefined) return;
    event.preventDefault();
    event.currentTarget.querySelector<HTMLInputElement>(`input[value="${card}"]`)?.focus();
    vote.choose(card, TYPING_MS);
  };
  const onChange = (event: ChangeEvent<HTMLInputElement>) => {
    if (!isOpen) return;
    const isPointed = (event.nativeEvent as UIEvent).detail > 0;
    vote.choose(DECK[Number(event.currentTarget.dataset["index"])]!, isPointed ? 0 : TYPING_MS);
  };

  return (
    <fieldset className="deck" data-testid="deck" aria-disabled={!isOpen || undefined} onKeyDown={onKey}>
      <legend>Your card</legend>
      <div className="deck-cards">
        {DECK.map((card, index) => (
          <label key={card} className="deck-card" data-state={card === vote.card ? vote.state : undefined}>
            <input
              type="radio"
              name="card"
              value={card}
              data-index={index}
              data-testid={`card-${card}`}
              checked={card === vote.card}
              aria-disabled={!isOpen || undefined}
              onChange={onChange}
            />
            {card}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
