import { useRef } from "react";
import { DECK, type Card } from "../../shared/table";

/** So long may the next digit of a card take. */
export const TYPING_MS = 600;

/** Takes one key after the other, and answers with the card that they name so far: 1, and then 3, is 13. */
export function useTyping(): (key: string) => Card | undefined {
  const typed = useRef({ text: "", at: 0 });
  return (key) => {
    const { text, at } = typed.current;
    const now = Date.now();
    const longer = now - at < TYPING_MS ? text + key : key;
    const card = DECK.find((each) => each === longer) ?? DECK.find((each) => each === key);
    typed.current = { text: card ?? "", at: now };
    return card;
  };
}
