import type { ReactNode } from "react";
import type { Table } from "../../shared/table";
import type { Seat } from "./seat";
import { PHASES } from "./sentences";

/** The issue, and beside it how the page is connected. */
export function Top({ issue, connection }: { issue: Seat["issue"] | undefined; connection: ReactNode }) {
  return (
    <header className="top">
      <div className="line">
        <span className="top-key">{issue?.key}</span>
        {connection}
      </div>
      <h1>{issue?.summary ?? "Planning poker"}</h1>
    </header>
  );
}

/** Which round it is, and what the table waits for. */
export function Round({ table }: { table?: Table }) {
  return (
    <div className="line" data-testid="phase" data-phase={table?.phase ?? "joining"} data-round={table?.round}>
      <h2 id="round">{table === undefined ? "Round" : `Round ${table.round}`}</h2>
      <span className="lozenge">{table === undefined ? "Joining" : PHASES[table.phase]}</span>
    </div>
  );
}
