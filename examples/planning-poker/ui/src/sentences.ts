import type { Status } from "@forge-relay/client";
import type { Card, Delivery, Phase, Table } from "../../shared/table";
import type { Player } from "./players";
import { resultOf, type Result } from "./result";
import { agoWords } from "./time";

/** In place of an answer that did not come. */
export const UNREACHED = { ok: false, code: "unreached", message: "Jira does not answer." } as const;

export const PHASES: Record<Phase, string> = { voting: "Voting", revealed: "Cards open", estimated: "Estimated" };

/** How the page is connected; `reached` says whether the functions answer while the relay does not. */
export function connectionWords(status: Status, reached: boolean): string {
  switch (status) {
    case "live":
      return "Live";
    case "connecting":
      return "Connecting…";
    case "catching-up":
      return "Catching up…";
    case "offline":
      return reached ? "Offline · votes are kept" : "Offline · trying again";
    case "denied":
      return "Not live · asking every 5 s";
    case "closed":
      return "Not connected";
  }
}

/** Why the relay does not want this page, for whoever set it up. */
export function deniedWords(reason: string | undefined): string {
  switch (reason) {
    case "origin_denied":
      return "The relay does not allow this page's address.";
    case "token_failed":
      return "The app gave no token for the relay.";
    case "token_invalid":
      return "The relay has another secret than the app.";
    case "runtime_unavailable":
      return "A part of this page could not be loaded.";
    default:
      return `The relay refused this page: ${reason ?? "unknown"}.`;
  }
}

/** Where a change is that was stored; nothing where all have heard. */
export function deliveryWords(delivery: Delivery): string | undefined {
  if (delivery === "published") return undefined;
  return delivery === "queued" ? "Saved. The others will see it when the relay is back." : "Saved, but the others could not be told.";
}

export const lateWords = (card: Card) => `Your ${card} is not saved yet. Trying again…`;

export const missedWords = (card: Card) => `The cards were opened before your ${card} was saved.`;

/** What to do now, when there is nothing else to say. */
export function hintWords(table: Table, issueKey: string, card: Card | undefined, hasVoted: boolean): string {
  if (table.phase === "estimated") return `${issueKey} now has the estimate ${table.estimate}.`;
  if (table.phase === "revealed") return revealedHint(resultOf(table.votes));
  if (card !== undefined) return `You chose ${card}. You can change it until the cards are revealed.`;
  if (hasVoted) return "You have voted already. Choose a card to change your vote.";
  return "Choose a card. Until they are revealed, the others see only that you did.";
}

function revealedHint({ votes, agreed, lowest, highest }: Result): string {
  if (votes === 0) return "Nobody had chosen a card.";
  if (agreed !== undefined && agreed !== "?") return "Everybody agrees.";
  if (lowest === highest) return "Talk it over, then vote again or set the estimate.";
  return "Let the lowest and the highest explain, then vote again or set the estimate.";
}

/** How far the round is. People who are away are not waited for. */
export function progressWords(players: Player[]): string {
  const { voted, waitedFor } = progressOf(players);
  if (voted === 0) return "Nobody has voted yet";
  if (voted === waitedFor) return voted === 1 ? "1 person has voted" : `All ${voted} have voted`;
  return `${voted} of ${waitedFor} ${voted === 1 ? "has" : "have"} voted`;
}

export function progressOf(players: Player[]): { voted: number; waitedFor: number } {
  return {
    voted: players.filter((player) => player.hasVoted).length,
    waitedFor: players.filter((player) => player.hasVoted || !player.isAway).length,
  };
}

/** What the host does next, for the others. */
export function hostWords(host: string, phase: Phase): string {
  switch (phase) {
    case "voting":
      return `${host} is the host and reveals the cards.`;
    case "revealed":
      return `${host} is the host and sets the estimate or begins a new round.`;
    case "estimated":
      return `${host} is the host and begins the next round.`;
  }
}

export function hostAwayWords({ name, seenAt }: Player, now: number): string {
  return seenAt === 0 ? "The host is away." : `${name} is the host and was last seen ${agoWords(seenAt, now)}.`;
}

/** What changed for all, for those who hear the page. */
export function announcement({ round, phase, votes, estimate }: Table, isHost: boolean): string {
  const role = isHost ? " You are the host." : "";
  if (phase === "voting") return `Round ${round}: choose a card.${role}`;
  if (phase === "estimated") return `Round ${round}: the estimate is ${estimate}.${role}`;
  const { agreed, average, lowest, highest } = resultOf(votes);
  if (agreed !== undefined) return `Round ${round}: the cards are open. Everybody chose ${agreed}.${role}`;
  if (average === undefined) return `Round ${round}: the cards are open.${role}`;
  return `Round ${round}: the cards are open. Average ${numberWords(average)}, from ${lowest} to ${highest}.${role}`;
}

/** At most one digit after the point. */
export const numberWords = (number: number) => String(Math.round(number * 10) / 10);
