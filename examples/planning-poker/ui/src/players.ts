import { HOST_AWAY_MS, hasVoted, type Board, type Card } from "../../shared/table";
import type { Heard } from "./presence";
import { resultOf } from "./result";

/** Who was not seen for so long has left the table, unless they have a card on it or are the host. */
const GONE_MS = 60 * 60_000;

/** A person at the table, as the page shows them. */
export interface Player {
  account: string;
  name: string;
  isMe: boolean;
  isHost: boolean;
  /** By the functions' clock, in Unix milliseconds. */
  seenAt: number;
  /** They were not seen for a while when the page last heard of them. */
  isAway: boolean;
  hasVoted: boolean;
  /** Once the cards are open. */
  card: Card | undefined;
  /** Where the cards differ: who should explain first. */
  extreme: "lowest" | "highest" | undefined;
}

/** Who is at the table, by name. `iVoted` may be ahead of the board. */
export function playersOf(board: Board, heard: Heard | undefined, me: string, iVoted: boolean, now: number): Player[] {
  const { table } = board;
  const people = heard?.people ?? {};
  const accounts = new Set([...Object.keys(board.people), ...Object.keys(people), ...Object.keys(table.votes), table.host]);
  const { lowest, highest } = resultOf(table.votes);
  return [...accounts]
    .map((account): Player => {
      const seenAt = Math.max(board.people[account]?.seenAt ?? 0, people[account]?.seenAt ?? 0);
      const card = table.votes[account];
      return {
        account,
        name: (people[account] ?? board.people[account])?.name ?? "Somebody",
        isMe: account === me,
        isHost: account === table.host,
        seenAt,
        isAway: account !== me && heard !== undefined && heard.at - seenAt > HOST_AWAY_MS,
        hasVoted: table.phase === "voting" ? hasVoted(board, account) || (account === me && iVoted) : card !== undefined,
        card,
        extreme: lowest === highest || card === undefined ? undefined : extremeOf(Number(card), lowest, highest),
      };
    })
    .filter((player) => player.isMe || player.isHost || player.hasVoted || now - player.seenAt < GONE_MS)
    .sort((one, other) => one.name.localeCompare(other.name) || one.account.localeCompare(other.account));
}

function extremeOf(number: number, lowest: number | undefined, highest: number | undefined): Player["extreme"] {
  if (number === lowest) return "lowest";
  return number === highest ? "highest" : undefined;
}
