import type { Digest } from '../oci/digest.ts';
import type { Eviction } from './eviction.ts';
import { IndexUnavailableError } from '../usage/index-unavailable.ts';
import type { PinnedNow } from './pins.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

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
  /** Of the processes that share the index, one at a time; undefined when there are no others. */
  readonly alone?: WorkAlone | undefined;
  readonly now: () => number;
  /** A pass is over. @param event.missing bytes that could not be freed, as everything left is held */
  readonly onEvicted: (event: { references: number; bytes: number; missing: number; durationMs: number }) => void;
  readonly onError: (error: unknown) => void;
}

/** @returns undefined when others did it all the time, or nobody knows */
export type WorkAlone = <T>(
  work: (lost: AbortSignal) => Promise<T>,
  options: { readonly waitMs: number },
) => Promise<T | undefined>;

const MAX_PASSES = 2;
/** For the pass of another process, which makes room for us too. Milliseconds. */
const PATIENCE_MS = 10_000;
/** How often it is said that fills go on. Milliseconds. */
const RESERVING_MS = 20_000;

/** The store is at its quota, and what is in it may not go. */
export class QuotaFullError extends Error {
  override readonly name = 'QuotaFullError';
}

/**
 * Keeps the store under its quota: when it would exceed the high mark, the least recently used goes until the low one is
 * reached. Space for a fill is freed and reserved as its bytes come, a little ahead of them.
 */
export class Quota {
  readonly #options: QuotaOptions;
  /** Bytes that running fills have reserved. */
  readonly #owners = new Map<string, { readonly digest: Digest; readonly bytes: number }>();
  /** The same by digest. */
  readonly #reserved = new Map<Digest, number>();
  #pass: Promise<void> | undefined;
  #reserving: NodeJS.Timeout | undefined;

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** @throws {QuotaFullError} when a blob of so many bytes can never fit */
  assertFits(size: number): void {
    const { limits } = this.#options;
    if (size > limits.size * limits.high) throw new QuotaFullError(`${size} bytes are more than the quota allows`);
  }

  /**
   * Frees and reserves space; replaces what was reserved for the same owner. Fills of one digest end as one blob, so the largest counts.
   *
   * @param bytes that are there, or are about to be
   * @throws {QuotaFullError}
   */
  async reserve(owner: string, digest: Digest, bytes: number): Promise<void> {
    this.assertFits(bytes);
    this.#change(digest, () => this.#owners.set(owner, { digest, bytes }));
    this.#reserving ??= setInterval(() => void this.#goOnReserving(), RESERVING_MS).unref();
    if (await this.#hasRoom()) return;
    this.release(owner);
    throw new QuotaFullError(`what may not be evicted leaves no space for ${bytes} bytes`);
  }

  /** The fill has ended: its bytes are in the store, or nowhere. */
  release(owner: string): void {
    const held = this.#owners.get(owner);
    if (!held) return;
    this.#change(held.digest, () => this.#owners.delete(owner));
    if (this.#owners.size > 0) return;
    clearInterval(this.#reserving);
    this.#reserving = undefined;
  }

  #change(digest: Digest, change: () => void): void {
    const before = this.#reserved.get(digest);
    change();
    const held = [...this.#owners.values()].filter((owner) => owner.digest === digest);
    const after = held.length === 0 ? undefined : Math.max(...held.map(({ bytes }) => bytes));
    if (after === undefined) this.#reserved.delete(digest);
    else this.#reserved.set(digest, after);
    // It ends by itself if this fails.
    if (before !== undefined && before !== after) this.#options.index.unreserve(digest, before).catch(ignore);
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
    clearInterval(this.#reserving);
    await this.#pass?.catch(() => {}); // whoever began it was told
  }

  /** Also when nobody knows, as an index that others keep is away: a cache that keeps nothing is no help to anybody. */
  async #hasRoom(): Promise<boolean> {
    try {
      // A pass that was under way has not looked at what came after it had begun.
      for (let passes = 0; passes <= MAX_PASSES; passes++) {
        if ((await this.#excess()) <= 0) return true;
        if (passes < MAX_PASSES) await this.#makeRoom();
      }
      return false;
    } catch (err) {
      if (err instanceof IndexUnavailableError) return true;
      throw err;
    }
  }

  async #goOnReserving(): Promise<void> {
    await this.#options.index.reserve(this.#reserved).catch(ignore); // the next one is soon
  }

  /** Bytes above the high mark. */
  async #excess(): Promise<number> {
    const { limits, index } = this.#options;
    const reserved = await index.reserve(this.#reserved);
    const { bytes } = await index.totals();
    if (index.isShared && (await index.marker('complete')) === undefined) return 0; // what is oldest is not known
    return bytes + reserved - limits.size * limits.high;
  }

  /** One pass serves everybody who waits; what is reserved while it runs, it makes room for as well. */
  async #makeRoom(): Promise<void> {
    this.#pass ??= this.#evictAlone().finally(() => (this.#pass = undefined));
    await this.#pass;
  }

  async #evictAlone(): Promise<void> {
    const { alone } = this.#options;
    if (!alone) return this.#evict();
    const pass = async (lost: AbortSignal) => {
      if ((await this.#excess()) > 0) await this.#evict(lost);
    };
    await alone(pass, { waitMs: PATIENCE_MS });
  }

  async #evict(lost?: AbortSignal): Promise<void> {
    const { limits, index, recorder, eviction, pins, now, onEvicted } = this.#options;
    const startedAt = now();
    let [references, bytes] = [0, 0];
    await recorder.flush();
    const pinned = await pins.look();
    const aboveLow = async () => (await index.totals()).bytes - limits.size * limits.low;
    while (lost?.aborted !== true && ((await aboveLow()) > 0 || (await this.#excess()) > 0)) {
      const evicted = await eviction.evictOldest(pinned, startedAt);
      if (!evicted) break;
      references += evicted.references;
      bytes += evicted.bytes;
    }
    const missing = Math.max(0, await this.#excess());
    onEvicted({ references, bytes, missing, durationMs: now() - startedAt });
  }
}

function ignore(): void {}
