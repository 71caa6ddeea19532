import { useState } from "react";
import { DECK, type Table } from "../../shared/table";
import type { Action } from "./actions";
import { Button } from "./button";
import "./controls.css";

const ESTIMATES = DECK.filter((card) => card !== "?").map(Number);

interface Props {
  table: Table;
  suggestion: number | undefined;
  running: Action | undefined;
  reveal: () => void;
  nextRound: () => void;
  estimate: (value: number) => void;
}

/** The host's buttons: always all of them, each in its place, those of another phase off. */
export function Controls({ table, suggestion, running, reveal, nextRound, estimate }: Props) {
  const { round, phase } = table;
  const [chosen, choose] = useState<{ round: number; value: number }>();
  const value = chosen?.round === round ? chosen.value : (table.estimate ?? suggestion);
  const isVoting = phase === "voting";
  const props = (action: Action, isOff: boolean) => ({ isBusy: running === action, isOff: isOff || running !== undefined });
  return (
    <section className="controls" aria-label="For the host">
      <div className="controls-group">
        <Button testId="reveal" isPrimary={isVoting} {...props("reveal", !isVoting)} onClick={reveal}>
          Reveal cards
        </Button>
        <Button testId="next-round" isPrimary={phase === "estimated"} {...props("nextRound", isVoting)} onClick={nextRound}>
          New round
        </Button>
      </div>
      <div className="controls-group">
        <label className="unseen" htmlFor="estimate">
          Estimate
        </label>
        <select
          id="estimate"
          className="select"
          data-testid="estimate-value"
          disabled={isVoting}
          value={isVoting ? "" : (value ?? "")}
          onChange={(event) => choose({ round, value: Number(event.currentTarget.value) })}
        >
          <option value="" disabled>
            –
          </option>
          {ESTIMATES.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <Button
          testId="apply"
          isPrimary={phase === "revealed"}
          {...props("applyEstimate", isVoting || value === undefined)}
          onClick={() => value !== undefined && estimate(value)}
        >
          Set estimate
        </Button>
      </div>
    </section>
  );
}
