// The header under which Forge serves a Custom UI in production, made by Atlassian's own package.

import csp from "@forge/csp";
import * as cheerio from "cheerio";

const { CSPInjectionService, CSPProcessingService } = csp;
const quiet = { info() {}, warn() {}, debug() {}, error() {} };

/** `client`: what the manifest lists under permissions.external.fetch.client; `scripts`: under permissions.content. */
export function forgeHeader(html, { client, scripts = [] }) {
  const permissions = { scopes: [], external: { fetch: { client } }, content: { scripts } };
  const existingCSPDetails = new CSPProcessingService(quiet, (text, options) => cheerio.load(text, options)).getCspDetails(html, permissions);
  const policy = new CSPInjectionService().getInjectableCSP({
    existingCSPDetails,
    microsEnv: "prod",
    hostname: "example.atlassian.net",
    isFedRAMP: false,
  });
  return { "content-security-policy": policy.join("; ") };
}
