// One test's world: a relay, a proxy before it, the app, and a page that is open. All of it ends with the test.

import assert from "node:assert/strict";
import path from "node:path";

import { App } from "./app.js";
import { watch } from "./chromium.js";
import { PAGES } from "./paths.js";
import { Proxy } from "./proxy.js";
import { Relay } from "./relay.js";
import { judge } from "./story.js";
import { until } from "./until.js";

export class World {
  session = "abc-123";

  /**
   * `relay`: its settings; `pages`: which build of them; `prepare`: called before the page is opened;
   * `page`: the path of the page to open, or `null` for none; `script`: runs in the page before anything else.
   */
  static async make(t, context, { relay = {}, pages = "plain", page = "/index.html", prepare = () => {}, script } = {}) {
    const world = new World();
    world.context = context;
    world.relay = await Relay.start(relay);
    t.after(() => world.relay.kill());
    world.proxy = await Proxy.start(world.relay.port);
    t.after(() => world.proxy.stop());
    world.app = await App.start(world.relay, path.join(PAGES, pages, "dist"));
    t.after(() => world.app.stop());
    await prepare(world);
    if (page !== null) await world.open(t, page, script);
    return world;
  }

  async open(t, address, script) {
    this.page = await this.context.newPage();
    t.after(() => this.page.close());
    this.heard = watch(this.page);
    // What the page complained of is the first thing that one wants to know of a test that failed.
    t.after(() => !t.passed && this.heard.errors.length > 0 && t.diagnostic(`the page said: ${this.heard.errors.slice(0, 5).join("; ").slice(0, 2_000)}`));
    if (script !== undefined) await this.page.addInitScript(script);
    await this.page.goto(`${this.app.url}${address}`);
    return this.page;
  }

  /** Opens a session in the page, with a state that is kept. */
  async connect(options = {}) {
    const settings = { name: "main", url: this.proxy.url, session: this.session, ...options };
    await this.page.evaluate((given) => globalThis.kit.open(given), settings);
  }

  /** The same, and waits until it is live. */
  async live(options = {}) {
    await this.connect(options);
    await this.status("live", options);
  }

  /** How a session stands, and all that it has told. */
  async look(name = "main") {
    return this.page.evaluate((given) => globalThis.kit.look(given), name);
  }

  /** A status that comes, or is there. */
  status(status, { name = "main", reason, transport } = {}) {
    const wanted = [status, reason, transport].filter(Boolean).join(", ");
    return until(`the status ${wanted} of ${name}`, async (seen) => {
      const { now, told } = await this.look(name);
      seen({ now, told: told.filter(({ n }) => n === undefined).slice(-8) });
      return now.status === status && (reason === undefined || now.reason === reason) && (transport === undefined || now.transport === transport);
    });
  }

  /** Something that the session has told. */
  told(what, test, name = "main") {
    return until(what, async (seen) => {
      const look = await this.look(name);
      seen([look.now, look.told.slice(-3)]);
      return look.told.find(test);
    });
  }

  publish(count, options) {
    return this.app.publish(this.session, count, options);
  }

  /** The page has everything, and always had it in order. Answers with the story. */
  async whole(name = "main", session = this.session) {
    const { state } = this.app.board(session);
    await until("a state that equals the app's", async (seen) => {
      const { view, now } = await this.look(name);
      seen({ view, now, app: state });
      return view.fresh && JSON.stringify(sorted(view.state)) === JSON.stringify(sorted(state));
    });
    const look = await this.look(name);
    assert.deepEqual(look.holes, [], "a state was shown that lacks an event");
    return judge(look.told, state.last);
  }
}

function sorted({ last, cells }) {
  return { last, cells: Object.fromEntries(Object.entries(cells).sort()) };
}
