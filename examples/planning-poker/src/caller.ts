import type { Request } from "@forge/resolver/shared";
import { Refused } from "./refused";

/** Who asks, and where. */
export interface Caller {
  account: string;
  /** The Jira site's cloud id. */
  site: string;
  /** The issue's id. Numbers outlive keys, which change when an issue moves. */
  issue: string;
}

/**
 * Forge vouches for the account and for the place of installation. All else in the context has passed through the browser
 * and may be made up, the issue too: a seat at its table is only given after Jira was asked.
 */
export function callerOf(context: Request["context"]): Caller {
  const { accountId, installContext, extension } = context;
  const site = /^ari:cloud:jira:[^:]*:site\/([A-Za-z0-9-]{1,36})$/.exec(String(installContext))?.[1];
  const issue = String(extension?.issue?.id);
  if (typeof accountId !== "string" || !/^[A-Za-z0-9:_-]{1,128}$/.test(accountId) || site === undefined) {
    throw new Refused("not_here", "Log in to Jira to sit down at this table.");
  }
  if (!/^[1-9][0-9]{0,14}$/.test(issue)) throw new Refused("not_here", "Planning poker is played on an issue: open it there.");
  return { account: accountId, site, issue };
}

/** What the relay calls the table: one environment of the app, with its one secret, serves many sites. */
export const sessionOf = ({ site, issue }: Caller): string => `poker:${site}:${issue}`;
