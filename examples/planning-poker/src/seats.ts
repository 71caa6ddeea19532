/** Who sits at a table. `seat:<issue>:<account>` is a person's own key, so that nobody's overwrites another's. */
import { kvs, WhereConditions } from "@forge/kvs";
import type { Person } from "../shared/table";
import type { Caller } from "./caller";
import { issueFor, ownName, type Issue } from "./jira";
import { Refused } from "./refused";

export interface Seat extends Person {
  /** When Jira last said that this person may see the issue, in Unix milliseconds. */
  allowedAt: number;
  /** As Jira showed it to them. */
  issue: Issue;
}

/** So long, then Jira is asked again. */
const ALLOWED_MS = 60 * 60_000;
/** After a quarter without them, a person and their name are forgotten. */
const KEPT = { value: 90, unit: "DAYS" } as const;

const key = (issue: string, account: string) => `seat:${issue}:${account}`;
const write = ({ issue, account }: Caller, seat: Seat) => kvs.set(key(issue, account), seat, { ttl: KEPT });

/** Gives a person a seat, if Jira lets them see the issue. */
export async function sitDown(caller: Caller): Promise<Seat> {
  const [issue, name] = await Promise.all([issueFor(caller.issue), ownName()]);
  const now = Date.now();
  const seat = { name, seenAt: now, allowedAt: now, issue };
  await write(caller, seat);
  return seat;
}

/** A person's seat; who has none is refused. */
export async function seatOf(caller: Caller): Promise<Seat> {
  const seat = await kvs.get<Seat>(key(caller.issue, caller.account));
  if (seat === undefined) throw new Refused("not_here", "You do not sit at this table: open the issue again.");
  if (Date.now() - seat.allowedAt < ALLOWED_MS) return seat;
  try {
    return await sitDown(caller);
  } catch (error) {
    if (error instanceof Refused) await kvs.delete(key(caller.issue, caller.account));
    throw error;
  }
}

/** Writes down that they were here. */
export async function touch(caller: Caller): Promise<Seat> {
  const seat = { ...(await seatOf(caller)), seenAt: Date.now() };
  await write(caller, seat);
  return seat;
}

/** Another person's seat. */
export const seatAt = (issue: string, account: string): Promise<Seat | undefined> => kvs.get<Seat>(key(issue, account));

/**
 * Everybody with a seat, by account. A query may lag behind what was just written; `accounts` are those who must not be
 * missing.
 */
export async function everybody(issue: string, accounts: string[]): Promise<Record<string, Person>> {
  const people = new Map<string, Person>();
  const prefix = key(issue, "");
  let page = kvs.query().where("key", WhereConditions.beginsWith(prefix)).limit(100);
  for (;;) {
    const { results, nextCursor } = await page.getMany<Seat>();
    for (const { key: found, value } of results) people.set(found.slice(prefix.length), personOf(value));
    if (!nextCursor) break;
    page = page.cursor(nextCursor);
  }
  const missing = accounts.filter((account) => !people.has(account));
  await Promise.all(
    missing.map(async (account) => {
      const seat = await seatAt(issue, account);
      if (seat) people.set(account, personOf(seat));
    }),
  );
  return Object.fromEntries(people);
}

const personOf = ({ name, seenAt }: Person): Person => ({ name, seenAt });
