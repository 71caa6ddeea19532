/**
 * The clock of the state machine: milliseconds that never run backwards, and that go on while a laptop sleeps (a page's
 * `performance.now()` may stand still then).
 */
export class Clock {
  private last = Date.now();
  private ahead = 0;

  now(): number {
    const now = Date.now() + this.ahead;
    if (now < this.last) {
      this.ahead += this.last - now;
      return this.last;
    }
    this.last = now;
    return now;
  }

  /** A time of this clock on the clock of `Date.now()`. */
  toDate(time: number): number {
    return time - this.ahead;
  }
}
