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

/** The error of an app's own code: it ends where uncaught errors end. */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error;
  }, 0);
}
