interface Sample {
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  /** Bytes received by then. */
  readonly bytes: number;
}

/** Longest window of {@link TransferRate.isBelow}. Milliseconds. */
export const MAX_WINDOW_MS = 30_000;

/** The current rate of one transfer, from samples taken about once a second. */
export class TransferRate {
  #samples: Sample[] = [];

  /** Removes all samples: those of an earlier connection do not count. */
  restart(): void {
    this.#samples = [];
  }

  sample(bytes: number, at: number): void {
    this.#samples.push({ at, bytes });
    // One sample older than the window stays, so that a whole window can be measured.
    while (this.#samples[1] && at - this.#samples[1].at >= MAX_WINDOW_MS) this.#samples.shift();
  }

  /** Bytes per second over all samples. */
  get average(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.at === first.at) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  /** Whether the samples span the window. */
  isMeasured(windowMs: number): boolean {
    return this.#firstOf(windowMs) !== undefined;
  }

  /** Whether the rate of the last `windowMs` is below `bytesPerSecond`. False until the samples span the window. */
  isBelow(bytesPerSecond: number, windowMs: number): boolean {
    const last = this.#samples.at(-1);
    const first = this.#firstOf(windowMs);
    if (!last || !first) return false;
    return last.bytes - first.bytes < (bytesPerSecond * (last.at - first.at)) / 1000;
  }

  /** The latest sample that is at least a window old. */
  #firstOf(windowMs: number): Sample | undefined {
    const last = this.#samples.at(-1);
    return last && this.#samples.findLast(({ at }) => last.at - at >= windowMs);
  }
}
