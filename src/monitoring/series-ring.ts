export interface SeriesRingOptions {
  /** Milliseconds. */
  readonly stepMs: number;
  /** Steps that are kept. */
  readonly steps: number;
  /** Of each series: whether its value is a level, and not something counted. */
  readonly isLevel: readonly boolean[];
}

export interface SeriesSteps {
  /** Start of the first step. Unix milliseconds. */
  readonly from: number;
  /** The values of each step; absent for one without samples. */
  readonly rows: readonly (readonly number[] | undefined)[];
}

/** The last steps of some series, of equal length. */
export class SeriesRing {
  readonly stepMs: number;
  readonly #steps: number;
  readonly #isLevel: readonly boolean[];
  /** By number of the step since 1970, ascending. */
  readonly #rows = new Map<number, number[]>();

  constructor({ stepMs, steps, isLevel }: SeriesRingOptions) {
    this.stepMs = stepMs;
    this.#steps = steps;
    this.#isLevel = isLevel;
  }

  /** @param at Unix milliseconds. @param sample for each series: the count since the last sample, or the level now */
  add(at: number, sample: readonly number[]): void {
    const step = Math.floor(at / this.stepMs);
    for (const known of this.#rows.keys()) if (known > step || known <= step - this.#steps) this.#rows.delete(known);
    const row = this.#rows.get(step);
    if (row) this.#isLevel.forEach((isLevel, i) => (row[i] = (isLevel ? 0 : (row[i] ?? 0)) + (sample[i] ?? 0)));
    else this.#rows.set(step, [...sample]);
  }

  /** Of the counts in the steps of the ring that have not passed `now`. */
  sum(series: number, now: number): number {
    const first = Math.floor(now / this.stepMs) - this.#steps;
    let sum = 0;
    for (const [step, row] of this.#rows) if (step > first) sum += row[series] ?? 0;
    return sum;
  }

  /** From the first step with samples to the one of `now`. */
  read(now: number): SeriesSteps {
    const last = Math.floor(now / this.stepMs);
    const first = [...this.#rows.keys()].find((step) => step > last - this.#steps && step <= last) ?? last;
    const rows = Array.from({ length: last - first + 1 }, (_, i) => this.#rows.get(first + i));
    return { from: first * this.stepMs, rows };
  }
}
