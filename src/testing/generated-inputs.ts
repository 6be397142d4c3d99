/** Pseudo-random numbers that a seed repeats (Mulberry32). */
export class SeededRandom {
  #state: number;

  /** @param seed an integer from 0 to 2³² - 1 */
  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer from 0 to `max`, which is below 2³². */
  upTo(max: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (max + 1));
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.upTo(values.length - 1)] ?? values[0];
  }

  /** A list of up to `maxLength` values. */
  list<T>(maxLength: number, next: () => T): T[] {
    return Array.from({ length: this.upTo(maxLength) }, next);
  }
}

export interface GeneratedInputs<T> {
  readonly seed: number;
  /** Number of inputs. */
  readonly count: number;
  /** Returns a value that JSON can represent. */
  readonly generate: (random: SeededRandom) => T;
}

/** Checks a property for many inputs, one after the other. The error of a failure names the input and the seed. */
export async function forAllInputs<T>(
  { seed, count, generate }: GeneratedInputs<T>,
  check: (input: T) => Promise<void>,
): Promise<void> {
  const random = new SeededRandom(seed);
  for (let i = 0; i < count; i++) {
    const input = generate(random);
    try {
      await check(input);
    } catch (err) {
      const reason = err instanceof Error ? err.message : String(err);
      throw new Error(`${reason} (input ${JSON.stringify(input)}, seed ${seed})`, { cause: err });
    }
  }
}
