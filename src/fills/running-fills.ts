import type { Digest } from '../oci/digest.ts';
import type { Fill } from './fill.ts';

export interface RunningFill {
  readonly fill: Fill;
  /** Resolves when the fill is no longer running. */
  readonly ended: Promise<void>;
}

/** The fills in progress of this process. Created before {@link Fills}, for housekeeping, which spares the content of running fills. */
export class RunningFills {
  readonly #byId = new Map<string, RunningFill>();

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  get all(): readonly Fill[] {
    return [...this.#byId.values()].map(({ fill }) => fill);
  }

  get(id: string): RunningFill | undefined {
    return this.#byId.get(id);
  }

  add(fill: Fill, ended: Promise<void>): void {
    this.#byId.set(fill.id, { fill, ended });
  }

  /** Does nothing when another fill has its id by now. */
  remove(fill: Fill): void {
    if (this.#byId.get(fill.id)?.fill === fill) this.#byId.delete(fill.id);
  }

  isFilling(digest: Digest): boolean {
    return this.all.some((fill) => fill.digest === digest && !fill.ended);
  }

  /** Resolves when every fill that runs now has ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#byId.values()].map(({ ended }) => ended));
  }
}
