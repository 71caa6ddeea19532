// A program of its own, and what it prints.
import { spawn } from "node:child_process";
import { once } from "node:events";

const PATIENCE_MS = 20_000;

/** Waits until `question` answers with something; fails with what there is instead. */
export async function until(what, question, there = () => "") {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}\n${there()}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Starts one; it ends with the test. */
export function program(t, command, words, { env = {}, ...options } = {}) {
  const child = spawn(command, words, { env: { PATH: process.env.PATH, ...env }, ...options });
  t.after(() => child.kill("SIGKILL"));
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].setEncoding("utf8").on("data", (text) => (printed[stream] += text));
  const ended = once(child, "close").then(([code]) => code);
  const there = () => `${command} ${words.join(" ")}:\n${printed.stdout}\n${printed.stderr}`;
  return {
    child,
    printed,
    /** The lines of standard output. */
    lines: () => printed.stdout.split("\n").slice(0, -1),
    /** Waits until it has printed this, on standard error unless told otherwise. */
    says: (text, stream = "stderr") => until(JSON.stringify(text), () => printed[stream].includes(text), there),
    /** Waits for its end; answers its exit code. */
    ended: () => {
      let code;
      void ended.then((it) => (code = it));
      return until("its end", () => code !== undefined, there).then(() => code);
    },
  };
}
