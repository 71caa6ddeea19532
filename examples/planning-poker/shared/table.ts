/**
 * The planning poker table: what functions and pages both know of it.
 *
 * A table belongs to an issue. Its storage is the truth, and every change is written there before it is published:
 *
 *     page ── invoke ──► function ── 1. write ──► storage          turn:<issue>:<number>           each change, whole
 *                            │                                     table:<issue>                   the newest one
 *                            │                                     vote:<issue>:<round>:<account>  one key a vote
 *                            └────── 2. publish ─► relay ─► pages  seat:<issue>:<account>          who was here, and when
 */

/** What one can put on the table. */
export const DECK = ["0", "1", "2", "3", "5", "8", "13", "21", "?"] as const;

/** A card of the {@link DECK}. */
export type Card = (typeof DECK)[number];

/** What the table waits for: votes, an estimate, or nothing more. */
export type Phase = "voting" | "revealed" | "estimated";

/** The table as storage has it, and as events carry it: always whole, so that none of them needs the one before it. */
export interface Table {
  /** Grows by one with each change of the table: of two, the higher one is newer. */
  version: number;
  /** Counts from 1. */
  round: number;
  phase: Phase;
  /** The account that may reveal, estimate and begin the next round. */
  host: string;
  /** By account. Empty until the reveal: before it, a vote does not leave the storage. */
  votes: Record<string, Card>;
  /** What the issue was given, in the phase `estimated`. */
  estimate: number | null;
}

/** Somebody who was here. */
export interface Person {
  name: string;
  /** When their page last called, in Unix milliseconds. It says "seen", not "connected". */
  seenAt: number;
}

/** All that a page shows: the snapshot that a function answers with, and what `reduce` keeps up to date. */
export interface Board {
  table: Table;
  /** The latest round in which an account has voted; what it voted is not in here. */
  voted: Record<string, number>;
  people: Record<string, Person>;
}

/** The events of a table, by name, and their payloads. */
export interface Events {
  "person.joined": { participantId: string; name: string; at: number };
  "vote.cast": { issueKey: string; participantId: string; round: number; at: number };
  "round.started": { table: Table };
  "votes.revealed": { table: Table };
  "estimate.applied": { table: Table };
  "host.changed": { table: Table };
}

/**
 * The board after an event. It may have happened already, for storage is written before it is published, and it may come
 * late, out of the outbox: so whatever is newer stays.
 */
export function reduce(board: Board, { event, payload }: { event: string; payload: unknown }): Board {
  switch (event as keyof Events) {
    case "person.joined": {
      const { participantId, name, at } = payload as Events["person.joined"];
      return seen(board, participantId, at, name);
    }
    case "vote.cast": {
      const { participantId, round, at } = payload as Events["vote.cast"];
      const voted = { ...board.voted, [participantId]: Math.max(round, board.voted[participantId] ?? 0) };
      return seen({ ...board, voted }, participantId, at);
    }
    case "round.started":
    case "votes.revealed":
    case "estimate.applied":
    case "host.changed": {
      const { table } = payload as { table: Table };
      return table.version > board.table.version ? { ...board, table } : board;
    }
    default:
      return board; // of a newer version of the app
  }
}

/** Whether an account has put a card down in the round that is on. */
export function hasVoted(board: Board, account: string): boolean {
  return board.voted[account] === board.table.round;
}

function seen(board: Board, account: string, at: number, name?: string): Board {
  const before = board.people[account];
  const person = { name: name ?? before?.name ?? "Somebody", seenAt: Math.max(at, before?.seenAt ?? 0) };
  return { ...board, people: { ...board.people, [account]: person } };
}

/** So long after they were last seen, others may take the host's chair. */
export const HOST_AWAY_MS = 60_000;

/** How often a page says that it is still there. */
export const SEEN_EVERY_MS = 20_000;

/** A function's answer: what was asked for, or why not, in words for the person who asked. */
export type Answer<T> = ({ ok: true } & T) | { ok: false; code: Refusal; message: string };

/** Why a function refuses. */
export type Refusal =
  /** The account may not see the issue, or has not joined. */
  | "not_here"
  /** The table is not what the page believes: it changed meanwhile. */
  | "outdated"
  /** Only the host may. */
  | "not_host"
  /** The argument is none that a page of ours sends. */
  | "bad_request"
  /** Jira did not take the estimate. */
  | "jira_refused"
  /** Storage, Jira or the relay's secret cannot be had now. */
  | "unavailable";

/**
 * Where the news of a change is: with everybody, waiting until the relay is back, or nowhere, because the relay does not
 * take the app's secret. The change itself is stored in any case: whoever loads the board has it.
 */
export type Delivery = "published" | "queued" | "unheard";

/** The functions that pages call with `invoke`, by key. */
export interface Functions {
  /** Sits down at the issue's table, which is laid if there is none. Everything else needs a seat. */
  joinTable: { payload: undefined; answer: Answer<{ me: string; relayUrl: string; sessionId: string; issue: { key: string; summary: string } }> };
  /** A token for the table's session. */
  getToken: { payload: undefined; answer: { token: string; expiresAt: number } };
  loadBoard: { payload: undefined; answer: Board };
  /** "I am still here." Answers with when everybody was last seen. */
  seen: { payload: undefined; answer: Answer<{ people: Record<string, Person> }> };
  vote: { payload: { round: number; card: Card }; answer: Answer<{ delivery: Delivery }> };
  reveal: { payload: { round: number }; answer: Answer<{ table: Table; delivery: Delivery }> };
  nextRound: { payload: { round: number }; answer: Answer<{ table: Table; delivery: Delivery }> };
  /** Writes the estimate to the issue, as the person who asks. */
  applyEstimate: { payload: { round: number; value: number }; answer: Answer<{ table: Table; delivery: Delivery }> };
  /** Takes the chair of a host who is away; `host` is who the page believes that is. */
  takeOver: { payload: { host: string }; answer: Answer<{ table: Table; delivery: Delivery }> };
}
