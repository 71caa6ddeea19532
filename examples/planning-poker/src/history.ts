/**
 * The table's history. Each change is the next turn: all there is to know of the table, under a key of its own, which can
 * be written once:
 *
 *     turn:<issue>:7   turn:<issue>:8   turn:<issue>:9     the highest is how things stand
 *                            ▲
 *                      table:<issue>                       a copy of the newest that the pages were told of
 *
 * Of two changes at a time one gets the key; the other looks again, and may find that there is nothing left to do. That is
 * all it takes to make double clicks harmless, and to know which votes came before the reveal. A function that dies
 * before it has told the pages leaves a turn that is not under `table:` yet: whoever comes next tells them.
 */
import { kvs } from "@forge/kvs";
import type { Delivery, Events, Table } from "../shared/table";
import type { Caller } from "./caller";
import { tell, tellAgain, type News } from "./news";
import { Refused } from "./refused";

/** How things stand. */
export interface State {
  /** Counts every change, votes too; the table's own version only grows with the table. */
  turn: number;
  table: Table;
  /** The accounts of everybody who ever sat down. */
  accounts: string[];
  /** The latest round in which an account has voted. */
  voted: Record<string, number>;
}

/** The events that carry the table whole, so that only the newest of them matters. */
export type TableEvent = { [Name in keyof Events]: Events[Name] extends { table: Table } ? Name : never }[keyof Events];

/** What a change makes of things. With an `event` it is one of the table, and the pages are told. */
export interface Change extends Omit<State, "turn"> {
  event?: TableEvent;
}

type Turn = State & Change;

const tableKey = (issue: string) => `table:${issue}`;
const turnKey = (issue: string, turn: number) => `turn:${issue}:${turn}`;
const KEPT = { value: 90, unit: "DAYS" } as const;
const PATIENCE_MS = 10_000;

/** How things stand now. */
export async function current(caller: Caller): Promise<State> {
  const { now, untold } = await look(caller.issue);
  if (now === undefined) throw new Refused("not_here", "There is no table here yet: open the issue again.");
  await settle(caller, now, untold);
  return now;
}

/**
 * Changes how things stand. `decide` makes the next state out of the one that it is given, or answers `undefined` where
 * there is nothing to do, or throws a {@link Refused}. It may be asked several times; the counting is done here.
 */
export async function change(
  caller: Caller,
  decide: (now: State | undefined) => Promise<Change | undefined> | Change | undefined,
): Promise<{ now: State; delivery: Delivery }> {
  const started = Date.now();
  for (let attempt = 1; ; attempt += 1) {
    const { now, untold } = await look(caller.issue);
    const next = await decide(now);
    if (next === undefined) {
      if (now === undefined) throw new Error("a table that is not there was left as it is");
      return { now, delivery: (await settle(caller, now, untold)) ? "published" : "queued" };
    }
    const version = (now?.table.version ?? 0) + (next.event === undefined ? 0 : 1);
    const turn = { ...next, turn: (now?.turn ?? 0) + 1, table: { ...next.table, version } };
    if (await claim(caller.issue, turn)) return { now: turn, delivery: await finish(caller, turn, untold) };
    if (Date.now() - started > PATIENCE_MS) throw new Error(`others were faster ${attempt} times`);
    await new Promise((done) => setTimeout(done, Math.random() * 20 * attempt));
  }
}

/** How things stand, and the turns that the pages may not have been told of. */
async function look(issue: string): Promise<{ now: State | undefined; untold: Turn[] }> {
  let now = await kvs.get<State>(tableKey(issue));
  const untold: Turn[] = [];
  for (;;) {
    const turn = await kvs.get<Turn>(turnKey(issue, (now?.turn ?? 0) + 1));
    if (turn === undefined) return { now, untold };
    untold.push(turn);
    now = stateOf(turn);
  }
}

/** Writes the turn. `false`: look again, for another one has its place. */
async function claim(issue: string, turn: Turn): Promise<boolean> {
  const key = turnKey(issue, turn.turn);
  try {
    await kvs.set(key, turn, { keyPolicy: "FAIL_IF_EXISTS", ttl: KEPT });
    return true;
  } catch (error) {
    // Or our own, if only the answer was lost: then there will be nothing left to do.
    if ((await kvs.get(key)) === undefined) throw error;
    return false;
  }
}

/** Tells the pages of our turn. */
async function finish(caller: Caller, turn: Turn, untold: Turn[]): Promise<Delivery> {
  const news = newsOf(caller, turn);
  if (news === undefined) return (await settle(caller, turn, [...untold, turn])) ? "published" : "queued";
  const delivery = await tell(caller, news);
  await point(caller.issue, turn);
  return delivery;
}

/** Tells the pages of turns whose functions may have died before they did. `false`: whoever comes next has to. */
async function settle(caller: Caller, now: State, untold: Turn[]): Promise<boolean> {
  if (untold.length === 0) return true;
  const news = untold.map((turn) => newsOf(caller, turn)).findLast((found) => found !== undefined);
  if (news !== undefined && !(await tellAgain(caller, news))) return false;
  await point(caller.issue, now);
  return true;
}

/** Made anew out of the stored turn, always to the same text: told twice, it must be the same event. */
function newsOf({ site, issue }: Caller, { event, table }: Turn): News | undefined {
  if (event === undefined) return undefined;
  const { version, round, phase, host, estimate } = table;
  const votes = Object.fromEntries(Object.entries(table.votes).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { event, payload: { table: { version, round, phase, host, votes, estimate } }, nonce: `${site}:${issue}:${version}` };
}

/** Writes the copy. If a slow function has put it over a newer one, that is put back. */
async function point(issue: string, newest: State): Promise<void> {
  let state = stateOf(newest);
  for (;;) {
    const before = await kvs.set<State>(tableKey(issue), state, { keyPolicy: "OVERRIDE", returnValue: "PREVIOUS" });
    if (before === undefined || before.value.turn <= state.turn) return;
    state = before.value;
  }
}

const stateOf = ({ turn, table, accounts, voted }: State): State => ({ turn, table, accounts, voted });
