import type { Clock, Timer } from '../clock/clock.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { purgeUploads } from './upload-purge.ts';

export interface UploadPurgingOptions {
  readonly driver: StorageDriver;
  /** Milliseconds. */
  readonly ageMs: number;
  /** Milliseconds. */
  readonly intervalMs: number;
  /** Only reports how many would be removed. */
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly onPurged: (event: { readonly uploads: number; readonly dryRun: boolean }) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Like distribution: replicas that start together do not all purge at the same time. Milliseconds. */
const MAX_FIRST_WAIT_MS = 59 * 60_000;

/** Removes abandoned upload sessions at intervals. */
export class UploadPurging {
  readonly #options: UploadPurgingOptions;
  readonly #stopped = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(options: UploadPurgingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(Math.min(MAX_FIRST_WAIT_MS, this.#options.intervalMs) * Math.random());
  }

  /** Resolves when the removal in progress has ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(waitMs: number): void {
    if (this.#stopped.signal.aborted) return;
    this.#timer = this.#options.clock.setTimer(() => {
      this.#running = this.#run().finally(() => this.#schedule(this.#options.intervalMs));
    }, waitMs);
  }

  async #run(): Promise<void> {
    const { driver, ageMs, dryRun, clock, onPurged, onFailed } = this.#options;
    const { signal } = this.#stopped;
    try {
      const uploads = await purgeUploads(driver, { before: clock.now() - ageMs, dryRun, signal });
      if (uploads > 0) onPurged({ uploads, dryRun });
    } catch (err) {
      if (!signal.aborted) onFailed(err);
    }
  }
}
