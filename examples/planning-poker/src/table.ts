/** Coming to the table, and what one sees there. */
import type { Board, Functions, Person } from "../shared/table";
import { sessionOf, type Caller } from "./caller";
import { change, current } from "./history";
import { relay, tell } from "./news";
import { Refused } from "./refused";
import { everybody, seatOf, sitDown, touch } from "./seats";

type Joined = Extract<Functions["joinTable"]["answer"], { ok: true }>;

/** Gives a person a seat, and lays the table if there is none. */
export async function joinTable(caller: Caller): Promise<Omit<Joined, "ok">> {
  const relayUrl = process.env.RELAY_URL;
  if (!relayUrl) throw new Refused("unavailable", "The app is not set up: its variable RELAY_URL is missing.");
  const { account } = caller;
  const { name, seenAt, issue } = await sitDown(caller);
  await change(caller, (state) => {
    if (state === undefined) {
      const table = { version: 0, round: 1, phase: "voting" as const, host: account, votes: {}, estimate: null };
      return { table, accounts: [account], voted: {}, event: "round.started" };
    }
    if (state.accounts.includes(account)) return undefined;
    return { ...state, accounts: [...state.accounts, account] };
  });
  await tell(caller, { event: "person.joined", payload: { participantId: account, name, at: seenAt } }, 1_000);
  return { me: account, relayUrl, sessionId: sessionOf(caller), issue: { key: issue.key, summary: issue.summary } };
}

/** A token for the table's session. It opens that to whoever holds it, until it ends. */
export async function getToken(caller: Caller): Promise<{ token: string; expiresAt: number }> {
  await seatOf(caller);
  return relay().mintToken({ accountId: caller.account, sessionId: sessionOf(caller), expiresIn: tokenSeconds() });
}

export async function loadBoard(caller: Caller): Promise<Board> {
  await seatOf(caller);
  const { table, voted, accounts } = await current(caller);
  return { table, voted, people: await everybody(caller.issue, accounts) };
}

export async function seen(caller: Caller): Promise<{ people: Record<string, Person> }> {
  const { name, seenAt } = await touch(caller);
  const { accounts } = await current(caller);
  const people = await everybody(caller.issue, accounts);
  return { people: { ...people, [caller.account]: { name, seenAt } } };
}

/** The relay takes none that live longer than five minutes. */
function tokenSeconds(): number {
  const seconds = Number(process.env.TOKEN_SECONDS ?? 300);
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= 300 ? seconds : 300;
}
