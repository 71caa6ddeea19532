// The state that the pages keep, and how they reach the app.

/** Asks the app. An answer of 403 is a no for good. */
export async function call(what, query, signal) {
  const answer = await fetch(`/app/${what}?${new URLSearchParams(query)}`, { signal });
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(`the app answered ${answer.status}`), { retryable: answer.status !== 403 });
}

/** Sets the event's cell. It may have been set already; but never may an event before it be missing. */
export function reduce(state, { payload: { n, cell } }, holes) {
  if (n > state.last + 1) holes.push(`${n} came after ${state.last}`);
  if (n <= state.last) return state;
  return { last: n, cells: { ...state.cells, [cell]: n } };
}
