import type { Table } from "../../shared/table";
import type { Player } from "./players";
import type { Result } from "./result";
import { numberWords, progressOf, progressWords } from "./sentences";
import "./outcome.css";

/** Below the cards: how many lie there, and once they are open, what they say. The two take the same space. */
export function Outcome({ table, players, result }: { table: Table; players: Player[]; result: Result }) {
  if (table.phase === "voting") {
    const { voted, waitedFor } = progressOf(players);
    return (
      <div className="outcome">
        <p>{progressWords(players)}</p>
        <progress className="outcome-bar" value={voted} max={Math.max(waitedFor, 1)} aria-hidden="true" />
      </div>
    );
  }
  const { average, lowest, highest, common } = result;
  return (
    <dl className="outcome">
      <Figure name="Average" value={average === undefined ? undefined : numberWords(average)} />
      <Figure name="Range" value={lowest === highest ? lowest : `${lowest}–${highest}`} />
      <Figure name="Most chosen" value={common} />
      <Figure name="Estimate" value={table.estimate ?? undefined} isStrong />
    </dl>
  );
}

function Figure({ name, value, isStrong }: { name: string; value: string | number | undefined; isStrong?: boolean }) {
  return (
    <div className="figure" data-strong={(isStrong && value !== undefined) || undefined}>
      <dt>{name}</dt>
      <dd>{value ?? "–"}</dd>
    </div>
  );
}
