/** What is asked of Jira. Always as the person who asks, never as the app: so nobody sees or writes more than in Jira itself. */
import { asUser, route, type Route } from "@forge/api";
import { Refused } from "./refused";

export interface Issue {
  key: string;
  summary: string;
  /** The id of its project. */
  project: string;
}

/** The issue, if this person may see it. */
export async function issueFor(id: string): Promise<Issue> {
  const answer = await ask(route`/rest/api/3/issue/${id}?fields=summary,project`);
  if (answer.status === 403 || answer.status === 404) throw new Refused("not_here", "You may not see this issue.");
  const { key, fields } = await told(answer);
  return { key, summary: fields.summary, project: fields.project.id };
}

/** The name of the person who asks. */
export async function ownName(): Promise<string> {
  const { displayName } = await told(await ask(route`/rest/api/3/myself`));
  return displayName;
}

/** Writes the estimate into the field that the project's board has for it. */
export async function writeEstimate(issue: string, project: string, value: number): Promise<void> {
  const boards = await ask(route`/rest/agile/1.0/board?projectKeyOrId=${project}`);
  if (!boards.ok) throw await refusal(boards);
  const { values } = (await boards.json()) as { values: { id: number; type: string }[] };
  // Kanban boards have no estimates.
  const board = values.find(({ type }) => type !== "kanban") ?? values[0];
  if (board === undefined) {
    throw new Refused("jira_refused", "This issue's project has no board, and so no field for estimates.");
  }
  const written = await ask(route`/rest/agile/1.0/issue/${issue}/estimation?boardId=${board.id}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ value: String(value) }),
  });
  if (!written.ok) throw await refusal(written);
}

type Answer = Awaited<ReturnType<typeof ask>>;

const ask = (path: Route, init: Parameters<ReturnType<typeof asUser>["requestJira"]>[1] = {}) =>
  asUser().requestJira(path, { ...init, headers: { accept: "application/json", ...init.headers } });

async function told(answer: Answer) {
  if (!answer.ok) throw new Error(`Jira answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** Jira's own words, where it has some. */
async function refusal(answer: Answer): Promise<Refused> {
  const problem = (await answer.json().catch(() => ({}))) as { errorMessages?: string[]; errors?: Record<string, string> };
  const words = problem.errorMessages?.[0] ?? Object.values(problem.errors ?? {})[0];
  return new Refused("jira_refused", `Jira did not take the estimate: ${words ?? `it answered ${answer.status}.`}`);
}
