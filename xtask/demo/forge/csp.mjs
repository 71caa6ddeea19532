// The header under which Forge's CDN serves an app's pages, by the package that makes it there.

import csp from "@forge/csp";
import * as cheerio from "cheerio";

const { CSPInjectionService, CSPProcessingService } = csp;
const silent = { info() {}, warn() {}, debug() {}, error() {} };

/** `host` is that of the page around, which Jira's is on Forge. */
export function headersFor(html, manifest, host) {
  const { content, external } = manifest.permissions ?? {};
  // The package takes the addresses alone.
  const addresses = (entries) => entries?.map((entry) => (typeof entry === "string" ? entry : entry.address));
  const permissions = {
    content,
    external: Object.fromEntries(
      Object.entries(external ?? {}).map(([kind, entries]) => [kind, kind === "fetch" ? { client: addresses(entries.client) } : addresses(entries)]),
    ),
  };
  const details = new CSPProcessingService(silent, (text, options) => cheerio.load(text, options)).getCspDetails(html, permissions);
  const policy = new CSPInjectionService().getInjectableCSP({ existingCSPDetails: details, microsEnv: "prod", hostname: host, isFedRAMP: false });
  // Violations would be reported to Atlassian.
  return { "content-security-policy": policy.filter((directive) => !directive.startsWith("report-uri ")).join("; ") };
}
