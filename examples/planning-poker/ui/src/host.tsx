import type { Phase } from "../../shared/table";
import { Button } from "./button";
import type { Player } from "./players";
import { hostAwayWords, hostWords } from "./sentences";
import "./controls.css";

interface Props {
  host: Player;
  phase: Phase;
  now: number;
  isBusy: boolean;
  takeOver: () => void;
}

/** In the place of the host's buttons, for everybody else: who has them, and if that person is away, how to get them. */
export function Host({ host, phase, now, isBusy, takeOver }: Props) {
  return (
    <section className="controls" aria-label="The host">
      <p>{host.isAway ? hostAwayWords(host, now) : hostWords(host.name, phase)}</p>
      {host.isAway && (
        <Button testId="take-over" isBusy={isBusy} onClick={takeOver}>
          Take over
        </Button>
      )}
    </section>
  );
}
