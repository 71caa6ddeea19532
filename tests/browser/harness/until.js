// Waiting, always with a deadline: generous, because the machine may be busy; a test that passes never waits for it.

export const DEADLINE = 60_000;

export const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** The first answer that is neither undefined nor false; an error that says what never came. */
export async function until(what, ask, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  let latest;
  for (;;) {
    const answer = await ask((seen) => (latest = seen));
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) {
      const seen = latest === undefined ? "" : `; at last: ${JSON.stringify(latest)}`;
      throw new Error(`never came: ${what}${seen}`);
    }
    await pause(50);
  }
}
