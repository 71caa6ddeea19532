/**
 * What a function of the app answered with, as `invoke` of `@forge/bridge` hands it out: as it is, or, where the call asked
 * for metadata, as the `body` beside it.
 */
export type Answered<T> = T | { body: T; metadata?: unknown };

/** The answer itself. Only an object with exactly the keys `body` and `metadata` is taken apart. */
export function unwrapped<T>(answer: Answered<T>): T {
  if (typeof answer !== "object" || answer === null) return answer as T;
  const keys = Object.keys(answer);
  const isWrapped = keys.length === 2 && "body" in answer && "metadata" in answer;
  return isWrapped ? (answer.body as T) : (answer as T);
}
