/** A round of poker: what each person may do, and when. */
import { kvs } from "@forge/kvs";
import { DECK, HOST_AWAY_MS, type Card, type Delivery, type Table } from "../shared/table";
import type { Caller } from "./caller";
import { change, current, type State } from "./history";
import { writeEstimate } from "./jira";
import { tell } from "./news";
import { Refused } from "./refused";
import { seatAt, seatOf } from "./seats";

type Outcome = { table: Table; delivery: Delivery };

const KEPT = { value: 90, unit: "DAYS" } as const;
/** A person's own key, so that nobody's vote overwrites another's. What is in it leaves the storage with the reveal. */
const voteKey = (issue: string, round: number, account: string) => `vote:${issue}:${round}:${account}`;

/** Puts a card down, or another one in its place. */
export async function vote(caller: Caller, payload: unknown): Promise<{ delivery: Delivery }> {
  const round = roundIn(payload);
  const card = cardIn(payload);
  const { issue, account } = caller;
  const seat = await seatOf(caller);
  isOpen(await current(caller), round);

  await kvs.set(voteKey(issue, round, account), card, { ttl: KEPT });
  // It counts if this comes before the reveal in the table's history, or if the reveal has found it already.
  await change(caller, (now) => {
    const state = laid(now);
    if (state.table.round === round && state.table.votes[account] === card) return undefined;
    isOpen(state, round);
    const accounts = state.accounts.includes(account) ? state.accounts : [...state.accounts, account];
    return { ...state, accounts, voted: { ...state.voted, [account]: round } };
  });

  const cast = { issueKey: seat.issue.key, participantId: account, round, at: Date.now() };
  return { delivery: await tell(caller, { event: "vote.cast", payload: cast }) };
}

/** Turns the cards over. */
export async function reveal(caller: Caller, payload: unknown): Promise<Outcome> {
  const round = roundIn(payload);
  await seatOf(caller);
  const { now, delivery } = await change(caller, async (found) => {
    const state = laid(found);
    isHost(state, caller);
    isRound(state, round);
    if (state.table.phase !== "voting") return undefined;
    const votes = await votesOf(caller.issue, round, state.accounts);
    return { ...state, table: { ...state.table, phase: "revealed", votes }, event: "votes.revealed" };
  });
  return { table: now.table, delivery };
}

/** Begins another round, after this one. */
export async function nextRound(caller: Caller, payload: unknown): Promise<Outcome> {
  const round = roundIn(payload);
  await seatOf(caller);
  const { now, delivery } = await change(caller, (found) => {
    const state = laid(found);
    isHost(state, caller);
    if (state.table.round === round + 1) return undefined;
    isRound(state, round);
    if (state.table.phase === "voting") throw new Refused("outdated", "This round is not over: turn the cards over first.");
    const table: Table = { ...state.table, round: round + 1, phase: "voting", votes: {}, estimate: null };
    return { ...state, table, event: "round.started" };
  });
  return { table: now.table, delivery };
}

/** Writes the estimate to the issue, then to the table. */
export async function applyEstimate(caller: Caller, payload: unknown): Promise<Outcome> {
  const round = roundIn(payload);
  const value = estimateIn(payload);
  const seat = await seatOf(caller);
  const isDue = (state: State) => {
    isHost(state, caller);
    isRound(state, round);
    if (state.table.phase === "voting") throw new Refused("outdated", "Turn the cards over first.");
  };
  isDue(await current(caller));
  await writeEstimate(caller.issue, seat.issue.project, value);
  const { now, delivery } = await change(caller, (found) => {
    const state = laid(found);
    isDue(state);
    if (state.table.estimate === value) return undefined;
    return { ...state, table: { ...state.table, phase: "estimated", estimate: value }, event: "estimate.applied" };
  });
  return { table: now.table, delivery };
}

/** Takes the chair of a host who has gone. */
export async function takeOver(caller: Caller, payload: unknown): Promise<Outcome> {
  const host = hostIn(payload);
  await seatOf(caller);
  const { now, delivery } = await change(caller, async (found) => {
    const state = laid(found);
    if (state.table.host === caller.account) return undefined;
    if (state.table.host !== host) throw new Refused("outdated", "Somebody else has taken the chair.");
    const seat = await seatAt(caller.issue, host);
    if (seat && Date.now() - seat.seenAt <= HOST_AWAY_MS) throw new Refused("outdated", `${seat.name} is here.`);
    return { ...state, table: { ...state.table, host: caller.account }, event: "host.changed" };
  });
  return { table: now.table, delivery };
}

async function votesOf(issue: string, round: number, accounts: string[]): Promise<Record<string, Card>> {
  const votes = await Promise.all(
    accounts.map(async (account) => [account, await kvs.get<Card>(voteKey(issue, round, account))] as const),
  );
  return Object.fromEntries(votes.filter((vote): vote is [string, Card] => vote[1] !== undefined));
}

// ---- when ------------------------------------------------------------------------------------------------------------

function laid(state: State | undefined): State {
  if (state === undefined) throw new Refused("not_here", "There is no table here yet: open the issue again.");
  return state;
}

function isHost({ table }: State, { account }: Caller): void {
  if (table.host !== account) throw new Refused("not_host", "Only the host may do that.");
}

function isRound({ table }: State, round: number): void {
  if (table.round !== round) throw new Refused("outdated", `Round ${round} is over.`);
}

function isOpen({ table }: State, round: number): void {
  if (table.round < round) throw new Refused("outdated", `Round ${round} has not begun.`);
  if (table.round > round || table.phase !== "voting") throw new Refused("outdated", "The cards were already open.");
}

// ---- what a page sends, which may be anything ------------------------------------------------------------------------

const bad = (message: string) => new Refused("bad_request", message);
const field = (payload: unknown, name: string): unknown =>
  typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>)[name] : undefined;

function roundIn(payload: unknown): number {
  const round = field(payload, "round");
  if (typeof round === "number" && Number.isSafeInteger(round) && round >= 1) return round;
  throw bad("A round is a whole number, from 1.");
}

function cardIn(payload: unknown): Card {
  const card = DECK.find((card) => card === field(payload, "card"));
  if (card !== undefined) return card;
  throw bad(`A card is one of ${DECK.join(" ")}.`);
}

function estimateIn(payload: unknown): number {
  const value = field(payload, "value");
  if (typeof value === "number" && value >= 0 && value <= 1_000) return value;
  throw bad("An estimate is a number from 0 to 1000.");
}

function hostIn(payload: unknown): string {
  const host = field(payload, "host");
  if (typeof host === "string" && host !== "") return host;
  throw bad("Say whose chair you mean to take.");
}
