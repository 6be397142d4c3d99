import type { FillSources } from './fill-sources.ts';
import { MAX_WINDOW_MS, TransferRate } from './transfer-rate.ts';

export interface TransferWatchOptions {
  readonly sources: Pick<FillSources, 'hasAlternative' | 'interrupt'>;
  /** Bytes received so far. */
  readonly written: () => number;
  /** Bytes per second. */
  readonly minRate: number;
}

const SAMPLE_MS = 1_000;
/** While there is an alternative, a source must be faster, and gets less time. */
const ALTERNATIVE_WINDOW_MS = 3_000;
const ALTERNATIVE_BYTES_PER_SECOND = 64 * 1024;
/** The window for a source that joins: it is used immediately when the current one is too slow in it. */
const RECONSIDER_MS = 1_000;
/** Stalls in a row after which a transfer ends. */
const MAX_STALLS = 3;

/** Watches one transfer, and changes its source when it is too slow. */
export class TransferWatch {
  readonly #options: TransferWatchOptions;
  readonly #rate = new TransferRate();
  #stalls = 0;
  #isOpen = false;

  constructor(options: TransferWatchOptions) {
    this.#options = options;
  }

  /** False when it has stalled too often without recovering in between. */
  get canResume(): boolean {
    return this.#stalls < MAX_STALLS;
  }

  /** Bytes per second since the transfer was last opened. */
  get rate(): number {
    return this.#rate.average;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#restart();
    const timer = setInterval(() => this.#check(), SAMPLE_MS).unref();
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }

  /** The first headers are in. */
  opened(): void {
    this.#isOpen = true;
    this.#restart();
  }

  /** Another source has joined. */
  reconsider(): void {
    this.#sample();
    if (this.#rate.isBelow(ALTERNATIVE_BYTES_PER_SECOND, RECONSIDER_MS)) this.#interrupt();
  }

  #check(): void {
    this.#sample();
    if (this.#options.sources.hasAlternative) {
      if (this.#rate.isBelow(ALTERNATIVE_BYTES_PER_SECOND, ALTERNATIVE_WINDOW_MS)) this.#interrupt();
    } else if (!this.#isOpen) {
      return; // waiting for headers has a timeout of the upstream
    } else if (this.#rate.isBelow(this.#options.minRate, MAX_WINDOW_MS)) {
      this.#stalls += 1;
      this.#interrupt();
    } else if (this.#rate.isMeasured(MAX_WINDOW_MS)) this.#stalls = 0;
  }

  #interrupt(): void {
    this.#restart();
    this.#options.sources.interrupt('the transfer is too slow');
  }

  #restart(): void {
    this.#rate.restart();
    this.#sample();
  }

  #sample(): void {
    this.#rate.sample(this.#options.written(), performance.now());
  }
}
