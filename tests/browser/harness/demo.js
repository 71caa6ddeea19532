// The demo as `cargo xtask demo` starts it, and the people in it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { watch } from "./chromium.js";
import { DEMO_APP, RELAY, WORKSPACE } from "./paths.js";
import { until } from "./until.js";

/** Chromium writes these on the console by itself when a network is cut or a WebSocket refused; no page can help it. */
const WEATHER = /Failed to load resource|WebSocket connection to .* failed|net::ERR_/;

export class Demo {
  #process;
  #said = "";

  /** Starts it, and ends it with the test. */
  static async start(t) {
    const demo = new Demo();
    const child = spawn(process.execPath, [path.join(WORKSPACE, "xtask/demo/demo.mjs")], {
      env: { PATH: process.env.PATH, DEMO_RELAY: RELAY, DEMO_APP, DEMO_OPEN: "0" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    demo.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (demo.#said += text));
    t.after(() => demo.stop());
    demo.url = await until("the demo's address", (seen) => {
      seen(demo.#said.slice(-2_000));
      if (child.exitCode !== null) throw new Error(`the demo ended: ${demo.#said}`);
      return /Planning poker: (http:\/\/127\.0\.0\.1:\d+\/)/.exec(demo.#said)?.[1];
    });
    return demo;
  }

  /** As Ctrl-C ends it. Answers with its exit code. */
  async stop() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, "exit");
    child.kill("SIGINT");
    const [code] = await ended;
    return code;
  }

  /** The page with everybody's panes. */
  async open(t, context) {
    this.page = await context.newPage();
    t.after(() => this.page.close());
    this.heard = watch(this.page);
    await this.page.goto(this.url);
    return this.page;
  }

  /** What pages complained of, but for the weather. */
  get complaints() {
    return this.heard.errors.filter((error) => !WEATHER.test(error));
  }

  person(name) {
    return new Player(this.page, name);
  }
}

/** One person's pane. */
export class Player {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.pane = page.frameLocator(`[data-testid="pane-${name}"]`);
  }

  at(id) {
    return this.pane.getByTestId(id);
  }

  vote(card) {
    // The label is what one sees, and clicks.
    return this.pane.locator(`label:has([data-testid="card-${card}"])`).click();
  }

  press(id) {
    return this.at(id).click();
  }

  /** A switch of the demo, for this person: `cut`, `block`, `hold`. */
  toggle(what) {
    return this.page.getByTestId(`${what}-${this.name}`).click();
  }

  /** All that the pane says of the table, in one object: what everybody must agree on. */
  async table() {
    const phase = this.at("phase");
    const people = await this.pane.locator('[data-testid^="person-"]').evaluateAll((all) =>
      Object.fromEntries(all.map((each) => [each.dataset.testid, { voted: each.dataset.voted, card: each.dataset.card }])),
    );
    return { phase: await phase.getAttribute("data-phase"), round: await phase.getAttribute("data-round"), people };
  }

  async status() {
    return this.at("status").getAttribute("data-status");
  }

  /** Waits until the pane says so. */
  until(what, test) {
    return until(`${this.name}: ${what}`, async (seen) => {
      const now = { status: await this.status(), ...(await this.table()) };
      seen(now);
      return test(now) && now;
    });
  }

  live() {
    return this.until("live", ({ status }) => status === "live");
  }
}
