// What the page asks of the demo.

/** Answers with the value, or rejects with the reason. */
export async function post(name, body) {
  const answer = await fetch(`/api/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const { ok, value, error } = await answer.json();
  if (!ok) throw new Error(error);
  return value;
}

/** Calls back with the state, now and whenever it changes; with `undefined` when nobody answers any more. */
export function watchState(show) {
  const source = new EventSource("/api/state");
  source.onmessage = ({ data }) => show(JSON.parse(data));
  source.onerror = () => show(undefined);
}
