// Where one is in a session's log.
//
// Clients must not look into a cursor: it is opaque, and may change. The demo does, because it is here to show what is in
// one: the epoch, which names one life of the log, and the seq, which counts in it.

/** `{ epoch, seq }`. */
export function placeOf(cursor) {
  const [epoch, seq] = cursor.split("-");
  return { epoch, seq: Number(seq) };
}
