import type { Card, Table } from "../../shared/table";

/** What open cards say. All but the votes is of the cards with numbers. */
export interface Result {
  votes: number;
  average: number | undefined;
  lowest: number | undefined;
  highest: number | undefined;
  /** The number that most have chosen, where there is one such. */
  common: number | undefined;
  /** The card that all have chosen, where there are two votes or more. */
  agreed: Card | undefined;
  /** The number to begin with when an estimate is given. */
  suggestion: number | undefined;
}

export function resultOf(votes: Table["votes"]): Result {
  const cards = Object.values(votes);
  const numbers = cards.filter((card) => card !== "?").map(Number).sort((a, b) => a - b);
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const favourites = [...counts.keys()].filter((number) => counts.get(number) === most);
  const common = favourites.length === 1 ? favourites[0] : undefined;
  return {
    votes: cards.length,
    average: numbers.length === 0 ? undefined : numbers.reduce((sum, number) => sum + number, 0) / numbers.length,
    lowest: numbers[0],
    highest: numbers.at(-1),
    common,
    agreed: cards.length > 1 && new Set(cards).size === 1 ? cards[0] : undefined,
    // Between two favourites, the middle of all; of two in the middle, the higher one.
    suggestion: common ?? numbers[Math.floor(numbers.length / 2)],
  };
}
