// Planning poker as it would be deployed: its manifest as it stands in the repository, its page under the header that this
// manifest makes, and the relay at the https address that this manifest names.
//
//   page ── https and wss to relay.example.com, which the browser finds here ──► TLS ──► relay
//   page ── bridge ──► functions, in the stand-in for Forge ──► relay

import { readFile } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import tls from "node:tls";

import selfsigned from "selfsigned";
import { parse } from "yaml";

import { ForgeApp } from "../../../xtask/demo/forge/app.mjs";
import { headersFor } from "../../../xtask/demo/forge/csp.mjs";
import { manifestFor } from "../../../xtask/demo/manifest.mjs";
import { Panes } from "../../../xtask/demo/panes.mjs";
import { DEMO_APP } from "./paths.js";
import { listen } from "./ports.js";
import { Relay } from "./relay.js";

/** Where the manifest has the relay. */
export const ADDRESS = "https://relay.example.com";
const ISSUE = { id: "10001", key: "SHOP-1", summary: "Checkout", projectKey: "SHOP", boardId: 1, estimate: null };

export class DeployedApp {
  /** Starts relay, functions and page, and ends them with the test. */
  static async start(t) {
    const it = new DeployedApp();
    it.relay = await Relay.start();
    t.after(() => it.relay.kill());
    it.app = await ForgeApp.start({
      bundle: path.join(DEMO_APP, "bundle"),
      // Functions go to the relay itself: behind Atlassian's proxy, no browser has a say.
      manifest: manifestFor(it.relay.url),
      variables: { RELAY_URL: it.relay.url, RELAY_SECRET: it.relay.secret },
      site: { cloudId: "1d5c0de0-0000-4000-8000-000000000001", host: "127.0.0.1:80" },
      people: [
        { accountId: "alice", name: "Alice" },
        { accountId: "bob", name: "Bob" },
      ],
      issues: [ISSUE],
    });
    t.after(() => it.app.stop());
    const manifest = parse(await readFile(path.join(DEMO_APP, "manifest.yml"), "utf8"));
    it.panes = new Panes((html) => headersFor(html, manifest, "example.atlassian.net"));
    t.after(() => it.panes.stop());
    it.tls = await secured(t, it.relay.port);
    return it;
  }

  /** What the bridge of a person's page calls. */
  async call(accountId, { cmd, data }) {
    const caller = { accountId, issueId: ISSUE.id };
    if (cmd === "getContext") return this.app.context(caller);
    if (cmd !== "invoke") return undefined;
    const answer = await this.app.invoke({ ...caller, key: data.functionKey, payload: data.payload });
    return answer?.relayUrl === this.relay.url ? { ...answer, relayUrl: ADDRESS } : answer;
  }

  /** Opens a person's page, on its own: it is its own parent, and the test answers for Jira's page around it. */
  async open(context, accountId) {
    const page = await context.newPage();
    // No frame asks for one.
    await page.route("**/favicon.ico", (route) => route.fulfill({ status: 204 }));
    await page.exposeFunction("answerOf", (call) => this.call(accountId, call));
    await page.addInitScript(() => {
      addEventListener("message", async ({ data }) => {
        if (data?.forge !== "call") return;
        const answer = await globalThis.answerOf(data).then(
          (value) => ({ ok: true, value }),
          (error) => ({ ok: false, error: error.message }),
        );
        postMessage({ forge: "answer", id: data.id, ...answer }, "*");
      });
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
        console.log(`violation: ${effectiveDirective} ${blockedURI}`);
      });
    });
    return page;
  }
}

/** TLS in front of a port of this machine, as whatever terminates it in front of a relay. */
async function secured(t, port) {
  const { private: key, cert } = await selfsigned.generate([{ name: "commonName", value: new URL(ADDRESS).host }]);
  const server = tls.createServer({ key, cert }, (outside) => {
    const inside = net.connect(port, "127.0.0.1");
    for (const [one, other] of [[outside, inside], [inside, outside]]) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    t.after(() => outside.destroy());
  });
  t.after(() => server.close());
  return listen(server);
}
