import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';

/** Limits of fills that run at the same time. */
export interface FillLimits {
  readonly total: number;
  readonly perUpstream: number;
  /** A fill that has waited this long runs beyond the limits, as its clients would give up. Milliseconds. */
  readonly maxWaitMs: number;
}

interface Waiting {
  readonly upstream: string;
  readonly grant: () => void;
}

/** Counts running fills, per upstream and in all, so that one slow upstream cannot take every slot. Waiting fills get slots in order. */
export class FillSlots {
  readonly #limits: FillLimits;
  readonly #clock: Pick<Clock, 'setTimer'>;
  readonly #running = new Map<string, number>();
  #total = 0;
  #waiting: Waiting[] = [];

  constructor(limits: FillLimits, clock: Pick<Clock, 'setTimer'> = SYSTEM_CLOCK) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * Resolves when the fill may run: it has a slot, or has waited for {@link FillLimits.maxWaitMs}.
   *
   * @returns releases the slot; called once
   * @throws the signal's reason when it aborts first
   */
  async acquire(upstream: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#isFree(upstream)) this.#take(upstream);
    else await this.#wait(upstream, signal);
    return () => this.#release(upstream);
  }

  get isQueued(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether a waiting fill could run when a fill of `upstream` releases its slot. */
  isWanted(upstream: string): boolean {
    const isFull = this.#total >= this.#limits.total;
    return this.#waiting.some(
      (waiting) => waiting.upstream === upstream || (isFull && !this.#isAtLimit(waiting.upstream)),
    );
  }

  #wait(upstream: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { upstream, grant: () => settle(resolve) };
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
      };
      const onAbort = () => {
        leave();
        settle(() => reject(signal.reason as Error));
      };
      const tooLong = this.#clock.setTimer(() => {
        leave();
        this.#take(upstream);
        settle(resolve);
      }, this.#limits.maxWaitMs);
      const settle = (end: () => void) => {
        tooLong.cancel();
        signal.removeEventListener('abort', onAbort);
        end();
      };
      signal.addEventListener('abort', onAbort);
      this.#waiting.push(waiting);
    });
  }

  #release(upstream: string): void {
    this.#total -= 1;
    const running = (this.#running.get(upstream) ?? 0) - 1;
    if (running > 0) this.#running.set(upstream, running);
    else this.#running.delete(upstream);
    const next = this.#waiting.find((waiting) => this.#isFree(waiting.upstream));
    if (!next) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== next);
    this.#take(next.upstream);
    next.grant();
  }

  #take(upstream: string): void {
    this.#total += 1;
    this.#running.set(upstream, (this.#running.get(upstream) ?? 0) + 1);
  }

  #isFree(upstream: string): boolean {
    return this.#total < this.#limits.total && !this.#isAtLimit(upstream);
  }

  #isAtLimit(upstream: string): boolean {
    return (this.#running.get(upstream) ?? 0) >= this.#limits.perUpstream;
  }
}
