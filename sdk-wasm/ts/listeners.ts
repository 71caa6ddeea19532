import { invalid } from "./errors.js";

/** A set of listeners. One that throws neither stops the others nor what called them. */
export class Listeners<T> {
  private readonly all = new Set<{ listener: (value: T) => void }>();

  add(listener: (value: T) => void): () => void {
    const entry = { listener };
    this.all.add(entry);
    return () => this.all.delete(entry);
  }

  tell(value: T): void {
    for (const entry of [...this.all]) {
      if (!this.all.has(entry)) continue;
      try {
        entry.listener(value);
      } catch (error) {
        report(error);
      }
    }
  }

  clear(): void {
    this.all.clear();
  }
}

/** Whether this can be told anything. */
export function checkListener(listener: unknown): void {
  if (typeof listener !== "function") throw invalid("listener", "pass a function");
}

/** The error of an app's own code: it ends where uncaught errors end. */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error;
  }, 0);
}
