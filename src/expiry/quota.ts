import type { Digest } from '../oci/digest.ts';
import type { Eviction } from './eviction.ts';
import type { PinnedNow } from './pins.ts';
import type { UsageIndex } from './usage-index.ts';
import type { UsageRecorder } from './usage-recorder.ts';

export interface QuotaLimits {
  /** Bytes. */
  readonly size: number;
  /** Share of the size down to which is evicted. */
  readonly low: number;
  /** Share of the size above which is evicted. */
  readonly high: number;
}

export interface QuotaOptions {
  readonly limits: QuotaLimits;
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly eviction: Eviction;
  readonly pins: { look(): Promise<PinnedNow> };
  readonly now: () => number;
  /** A pass is over. @param event.missing bytes that could not be freed, as everything left is held */
  readonly onEvicted: (event: { references: number; bytes: number; missing: number; durationMs: number }) => void;
  readonly onError: (error: unknown) => void;
}

const MAX_PASSES = 2;

/** The store is at its quota, and what is in it may not go. */
export class QuotaFullError extends Error {
  override readonly name = 'QuotaFullError';
}

/**
 * Keeps the store under its quota: when it would exceed the high mark, the least recently used goes until the low one is
 * reached. Room for a fill is made, and kept for it, before its first byte is written.
 */
export class Quota {
  readonly #options: QuotaOptions;
  /** Bytes that running fills will take. */
  readonly #reserved = new Map<Digest, number>();
  #pass: Promise<void> | undefined;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** @throws {QuotaFullError} */
  async reserve(digest: Digest, size: number): Promise<void> {
    const { limits } = this.#options;
    if (size > limits.size * limits.high) throw new QuotaFullError(`${size} bytes are more than the quota allows`);
    this.#reserved.set(digest, size);
    // A pass that was under way has not looked at what came after it had begun.
    for (let passes = 0; passes <= MAX_PASSES; passes++) {
      if ((await this.#excess()) <= 0) return;
      if (passes < MAX_PASSES) await this.#makeRoom();
    }
    this.#reserved.delete(digest);
    throw new QuotaFullError(`what may not be evicted leaves no room for ${size} bytes`);
  }

  /** The fill has ended: its bytes are in the store, or nowhere. */
  release(digest: Digest): void {
    this.#reserved.delete(digest);
  }

  /** Evicts when there is too much. Never fails. */
  async check(): Promise<void> {
    try {
      if ((await this.#excess()) > 0) await this.#makeRoom();
    } catch (err) {
      this.#options.onError(err);
    }
  }

  async stop(): Promise<void> {
    await this.#pass?.catch(() => {}); // whoever began it was told
  }

  /** Bytes above the high mark. */
  async #excess(): Promise<number> {
    const { limits, index } = this.#options;
    const { bytes } = await index.totals();
    return bytes + this.#reservedBytes() - limits.size * limits.high;
  }

  #reservedBytes(): number {
    let sum = 0;
    for (const size of this.#reserved.values()) sum += size;
    return sum;
  }

  /** One pass serves everybody who waits; what is reserved while it runs, it makes room for as well. */
  async #makeRoom(): Promise<void> {
    this.#pass ??= this.#evict().finally(() => (this.#pass = undefined));
    await this.#pass;
  }

  async #evict(): Promise<void> {
    const { limits, index, recorder, eviction, pins, now, onEvicted } = this.#options;
    const startedAt = now();
    let [references, bytes] = [0, 0];
    await recorder.flush();
    const pinned = await pins.look();
    const aboveLow = async () => (await index.totals()).bytes - limits.size * limits.low;
    while ((await aboveLow()) > 0 || (await this.#excess()) > 0) {
      const evicted = await eviction.evictOldest(pinned, startedAt);
      if (!evicted) break;
      references += evicted.references;
      bytes += evicted.bytes;
    }
    const missing = Math.max(0, await this.#excess());
    onEvicted({ references, bytes, missing, durationMs: now() - startedAt });
  }
}
