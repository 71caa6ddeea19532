import type { Functions } from "../../shared/table";
import { call, pauseAfter } from "./functions";
import type { OwnVote } from "./memory";

/** A vote on its way. */
export interface Ballot extends OwnVote {
  /** Whether it was sent and no function has taken it so far. */
  isLate: boolean;
}

type Answer = Functions["vote"]["answer"];

interface Hearer {
  changed(ballot: Ballot | undefined): void;
  saved(vote: OwnVote, answer: Extract<Answer, { ok: true }>): void;
  refused(answer: Extract<Answer, { ok: false }>): void;
}

/**
 * Sends votes: one call at a time, so that none overtakes another; of those that wait, the latest; and again, with longer
 * and longer pauses, where no answer comes.
 */
export class BallotBox {
  #ballot: Ballot | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCalling = false;
  #failures = 0;

  constructor(private readonly hearer: Hearer) {}

  /** Casts a vote in place of what is on its way. */
  cast(vote: OwnVote, afterMs: number): void {
    this.#failures = 0;
    this.#change({ ...vote, isLate: false });
    this.#sendAfter(afterMs);
  }

  /** Lets go of what is on its way. */
  empty(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#change(undefined);
  }

  #change(ballot: Ballot | undefined): void {
    this.#ballot = ballot;
    this.hearer.changed(ballot);
  }

  #sendAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, ms);
  }

  async #send(): Promise<void> {
    const ballot = this.#ballot;
    if (ballot === undefined || this.#isCalling) return;
    this.#isCalling = true;
    const { round, card } = ballot;
    const answer = await call("vote", { round, card }).catch(() => undefined);
    this.#isCalling = false;
    if (this.#ballot !== ballot) {
      // Another card meanwhile; unless its own timer runs, it has waited for this call.
      if (this.#timer === undefined) void this.#send();
    } else if (answer?.ok) {
      this.#change(undefined);
      this.hearer.saved({ round, card }, answer);
    } else if (answer === undefined || answer.code === "unavailable") {
      this.#failures += 1;
      this.#change({ round, card, isLate: true });
      this.#sendAfter(pauseAfter(this.#failures));
    } else {
      this.#change(undefined);
      this.hearer.refused(answer);
    }
  }
}
