// A program of its own, and what it prints.
import { spawn } from "node:child_process";

const PATIENCE_MS = 60_000;

/** Waits until `question` answers with something; fails with what there is instead. */
export async function until(what, question, there = () => "") {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}\n${there()}`);
    await pause(20);
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Starts one; it ends with the test, and where it is `detached`, all that it started does. */
export function program(t, command, words, { env = {}, ...options } = {}) {
  const child = spawn(command, words, { env: { PATH: process.env.PATH, ...env }, ...options });
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].setEncoding("utf8").on("data", (text) => (printed[stream] += text));
  let code;
  child.once("close", (exit, signal) => (code = exit ?? signal));
  t.after(() => {
    try {
      process.kill(options.detached ? -child.pid : child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  });
  const there = () => `${command} ${words.join(" ")}:\n${printed.stdout}\n${printed.stderr}`;
  return {
    child,
    printed,
    /** The lines of standard output. */
    lines: () => printed.stdout.split("\n").slice(0, -1),
    /** Waits until it has printed this, on standard error unless told otherwise; fails at once where it ended without. */
    says: (text, stream = "stderr") => {
      const said = () => printed[stream].includes(text);
      return until(JSON.stringify(text), async () => {
        const over = child.exitCode !== null || child.signalCode !== null;
        if (over) await pause(100); // what it printed last is still on its way
        if (over && !said()) throw new Error(`it ended without ${JSON.stringify(text)}\n${there()}`);
        return said();
      }, there);
    },
    /** Waits for its end; answers its exit code. */
    ended: () => until("its end", () => code !== undefined, there).then(() => code),
  };
}
