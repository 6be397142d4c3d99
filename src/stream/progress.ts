/** Wakes all waiting readers when there is progress. */
export class Progress {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next {@link announce}. Rejects with the signal's reason when that aborts first. */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        signal?.removeEventListener('abort', settle);
        this.#waiting.delete(settle);
        if (signal?.aborted) reject(signal.reason as Error);
        else resolve();
      };
      if (signal?.aborted) return settle();
      signal?.addEventListener('abort', settle);
      this.#waiting.add(settle);
    });
  }

  announce(): void {
    for (const settle of [...this.#waiting]) settle();
  }
}
