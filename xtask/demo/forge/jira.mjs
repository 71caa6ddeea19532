// A few issues, their board, and the people who may see them: the routes of Jira's API that planning poker needs, answered
// for the person who asks, and only within the manifest's scopes.

import { lacks } from "./lacks.mjs";

/** Scopes as Atlassian documents them for each route: a manifest that forgets one is found out here. */
const ROUTES = [
  { method: "GET", path: /^\/rest\/api\/3\/issue\/([^/?]+)$/, scopes: ["read:jira-work"], answer: issue },
  { method: "GET", path: /^\/rest\/api\/3\/myself$/, scopes: ["read:jira-user"], answer: myself },
  { method: "GET", path: /^\/rest\/agile\/1\.0\/board$/, scopes: ["read:board-scope:jira-software", "read:project:jira"], answer: boards },
  { method: "PUT", path: /^\/rest\/agile\/1\.0\/issue\/([^/?]+)\/estimation$/, scopes: ["write:issue:jira-software"], answer: estimation },
];

const refused = (status, ...errorMessages) => ({ status, body: { errorMessages, errors: {} } });
const NOT_THERE = refused(404, "Issue does not exist or you do not have permission to see it.");

export class Jira {
  #people;
  #issues;
  #scopes;

  /**
   * `people` are `{ accountId, name }`, `issues` are `{ id, key, summary, projectKey, boardId, estimate }`. An issue may say
   * who sees it and who edits it (`viewers`, `editors`: account ids), or else everybody does; `boardId: null` is none.
   */
  constructor({ people, issues, scopes }) {
    this.#people = new Map(people.map((person) => [person.accountId, person]));
    this.#issues = issues;
    this.#scopes = scopes;
  }

  addPerson(person) {
    this.#people.set(person.accountId, person);
  }

  /** By its id or key. */
  issue(idOrKey) {
    return this.#issues.find(({ id, key }) => id === idOrKey || key === idOrKey);
  }

  /** What the context of a page has of the issue that it is on. */
  contextOf(issueId) {
    const issue = this.issue(issueId);
    if (issue === undefined) return { issue: { id: issueId } };
    return {
      issue: { id: issue.id, key: issue.key, type: "Story", typeId: "10001" },
      project: { id: this.projectOf(issue).id, key: issue.projectKey, type: "software" },
    };
  }

  projectOf({ projectKey }) {
    const keys = [...new Set(this.#issues.map((issue) => issue.projectKey))];
    return { id: String(10_000 + keys.indexOf(projectKey)), key: projectKey };
  }

  get issues() {
    return this.#issues;
  }

  answer({ accountId, method, path, body }) {
    const url = new URL(path, "http://jira");
    const route = ROUTES.find((route) => route.method === method && route.path.test(url.pathname));
    if (route === undefined) throw lacks(`Jira ${method} ${url.pathname}`);
    const person = this.#people.get(accountId);
    if (person === undefined) return { status: 401, body: { code: 401, message: "Unauthorized" } };
    if (!route.scopes.every((scope) => this.#scopes.has(scope))) return { status: 401, body: { code: 401, message: "Unauthorized; scope does not match" } };
    const [, subject] = route.path.exec(url.pathname);
    return route.answer(this, { person, subject: subject && decodeURIComponent(subject), query: url.searchParams, body });
  }

  /** The issue, if this person sees it. */
  seen(idOrKey, { accountId }) {
    const issue = this.issue(idOrKey);
    return issue?.viewers?.includes(accountId) === false ? undefined : issue;
  }
}

function issue(jira, { person, subject, query }) {
  const issue = jira.seen(subject, person);
  if (issue === undefined) return NOT_THERE;
  const { id, key, summary } = issue;
  const all = { summary, project: jira.projectOf(issue) };
  const wanted = query.get("fields")?.split(",") ?? Object.keys(all);
  return { status: 200, body: { id, key, fields: Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name))) } };
}

function myself(_jira, { person: { accountId, name } }) {
  return { status: 200, body: { accountId, accountType: "atlassian", active: true, displayName: name } };
}

function boards(jira, { person, query }) {
  const project = query.get("projectKeyOrId");
  const found = new Map();
  for (const issue of jira.issues) {
    const { id, key } = jira.projectOf(issue);
    if (project !== null && project !== id && project !== key) continue;
    if (issue.boardId !== null && jira.seen(issue.id, person)) found.set(issue.boardId, { id: issue.boardId, name: `${key} board`, type: "scrum" });
  }
  const values = [...found.values()];
  return { status: 200, body: { maxResults: 50, startAt: 0, total: values.length, isLast: true, values } };
}

function estimation(jira, { person, subject, query, body }) {
  const issue = jira.seen(subject, person);
  if (issue === undefined) return NOT_THERE;
  const boardId = query.get("boardId");
  if (boardId === null) return refused(400, "The boardId query parameter is required.");
  if (Number(boardId) !== issue.boardId) return refused(400, "The issue is not on this board.");
  if (issue.editors?.includes(person.accountId) === false) return refused(403, "You do not have permission to edit this issue.");
  const { value } = JSON.parse(body);
  if (typeof value !== "string" || value.trim() === "" || !Number.isFinite(Number(value))) return refused(400, `'${value}' is an invalid number`);
  issue.estimate = Number(value);
  return { status: 200, body: { fieldId: "customfield_10016", value } };
}
