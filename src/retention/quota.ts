import type { Digest } from '../oci/digest.ts';
import type { Eviction } from './eviction.ts';
import { IndexUnavailableError } from '../usage/index-unavailable.ts';
import type { PinnedNow } from './pins.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

export interface QuotaLimits {
  /** Bytes. */
  readonly size: number;
  /** Eviction stops at this share of the size. */
  readonly low: number;
  /** Eviction starts above this share of the size. */
  readonly high: number;
}

export interface QuotaOptions {
  readonly limits: QuotaLimits;
  readonly index: UsageIndex;
  readonly recorder: UsageRecorder;
  readonly eviction: Eviction;
  readonly pins: { current(): Promise<PinnedNow> };
  /** Runs work in one process at a time of those that share the index. Absent when there are no others. */
  readonly runExclusively?: RunExclusively | undefined;
  /** Work that no client waits for evicts only content that was not used for this long. Milliseconds. */
  readonly backgroundAgeMs: number;
  readonly now: () => number;
  /** A pass has ended. @param event.missing bytes that could not be freed */
  readonly onEvicted: (event: { references: number; bytes: number; missing: number; durationMs: number }) => void;
  readonly onError: (error: unknown) => void;
}

/** @returns undefined when other processes ran theirs until `waitMs` had passed, or Redis is unavailable */
export type RunExclusively = <T>(
  work: (lost: AbortSignal) => Promise<T>,
  options: { readonly waitMs: number },
) => Promise<T | undefined>;

interface RequestedBlob {
  readonly digest: Digest;
  readonly bytes: number;
}

const MAX_PASSES = 2;
/** How long to wait for the pass of another process, which frees space for this one too. Milliseconds. */
const PATIENCE_MS = 10_000;
/** How often the reservations of running fills are renewed. Milliseconds. */
const RESERVING_MS = 20_000;

/** The quota is used up, and nothing can be evicted. */
export class QuotaFullError extends Error {
  override readonly name = 'QuotaFullError';
}

/**
 * Keeps the storage under its quota: above the high mark, the least recently used content is evicted down to the low mark. Space for a fill is
 * freed and reserved as its bytes arrive, a little ahead of them.
 */
export class Quota {
  readonly #options: QuotaOptions;
  /** Bytes that running fills have reserved. */
  readonly #owners = new Map<string, RequestedBlob>();
  /** Reserved bytes by digest. */
  readonly #reserved = new Map<Digest, number>();
  /** Blobs that no client waits for, until space was found for them. What clients reserve meanwhile must not evict anything for these. */
  readonly #requested = new Set<RequestedBlob>();
  #count = 0;
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
   * Frees and reserves space; replaces the previous reservation of the same owner. Fills of one digest end as one blob, so the largest counts.
   *
   * @param bytes that the fill has, or is about to have
   * @throws {QuotaFullError}
   */
  async reserve(owner: string, digest: Digest, bytes: number): Promise<void> {
    this.assertFits(bytes);
    this.#hold(owner, { digest, bytes });
    if (await this.#hasSpace(false)) return;
    this.release(owner);
    throw noSpaceFor(bytes);
  }

  /**
   * Reserves space for blobs that no client waits for. Content that clients used lately is not evicted for them.
   *
   * @returns a function that ends the reservation
   * @throws {QuotaFullError} then nothing is reserved
   */
  async reserveInBackground(blobs: readonly { readonly digest: Digest; readonly size: number }[]): Promise<() => void> {
    const owners: string[] = [];
    const release = () => owners.forEach((owner) => this.release(owner));
    try {
      for (const { digest, size: bytes } of blobs) {
        owners.push(await this.#reserveUnused({ digest, bytes }));
      }
      return release;
    } catch (err) {
      release();
      throw err;
    }
  }

  /** @returns the owner */
  async #reserveUnused(blob: RequestedBlob): Promise<string> {
    this.assertFits(blob.bytes);
    this.#requested.add(blob);
    try {
      if (!(await this.#hasSpace(true))) throw noSpaceFor(blob.bytes);
    } finally {
      this.#requested.delete(blob);
    }
    const owner = `background ${++this.#count}`;
    this.#hold(owner, blob);
    return owner;
  }

  #hold(owner: string, blob: RequestedBlob): void {
    this.#change(blob.digest, () => this.#owners.set(owner, blob));
    this.#reserving ??= setInterval(() => void this.#renewReservations(), RESERVING_MS).unref();
  }

  /** Bytes that storage may have, and those of them that are free. Eviction may free more. */
  async space(): Promise<{ readonly limit: number; readonly free: number }> {
    const { limits, index } = this.#options;
    const limit = Math.floor(limits.size * limits.high);
    return { limit, free: Math.max(0, limit - (await index.totals()).bytes) };
  }

  /** The fill has ended: its bytes are in storage, or discarded. */
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
    // It expires when this fails.
    if (before !== undefined && before !== after) this.#options.index.unreserve(digest, before).catch(ignore);
  }

  /** Evicts when the high mark is exceeded. Never fails. */
  async check(): Promise<void> {
    try {
      if ((await this.#excess()) > 0) await this.#freeSpace();
    } catch (err) {
      this.#options.onError(err);
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#reserving);
    await this.#pass?.catch(() => {}); // its caller got the error
  }

  /** True when the shared index is unavailable: a cache that stores nothing would help no client. */
  async #hasSpace(isBackground: boolean): Promise<boolean> {
    try {
      // A pass that was in progress has not counted what came after its start.
      for (let passes = 0; passes <= MAX_PASSES; passes++) {
        if ((await this.#excess(isBackground)) <= 0) return true;
        if (passes < MAX_PASSES) await this.#freeSpace(isBackground);
      }
      return false;
    } catch (err) {
      if (err instanceof IndexUnavailableError) return true;
      throw err;
    }
  }

  async #renewReservations(): Promise<void> {
    await this.#options.index.reserve(this.#reserved).catch(ignore); // the next renewal is soon
  }

  /** Bytes above the high mark, with what work that no client waits for requests when that is to be counted. */
  async #excess(isBackground = false): Promise<number> {
    const { limits, index } = this.#options;
    const reserved = await index.reserve(this.#reserved);
    const { bytes } = await index.totals();
    if (index.isShared && (await index.marker('complete')) === undefined) return 0; // the oldest content is not known
    return bytes + reserved + (isBackground ? this.#requestedBytes() : 0) - limits.size * limits.high;
  }

  #requestedBytes(): number {
    const missing = ({ digest, bytes }: RequestedBlob) => Math.max(0, bytes - (this.#reserved.get(digest) ?? 0));
    return [...this.#requested].reduce((sum, blob) => sum + missing(blob), 0);
  }

  /** One pass serves all waiting callers, and frees space for reservations made while it runs. */
  async #freeSpace(isBackground = false): Promise<void> {
    this.#pass ??= this.#evictExclusively(isBackground).finally(() => (this.#pass = undefined));
    await this.#pass;
  }

  async #evictExclusively(isBackground: boolean): Promise<void> {
    const { runExclusively } = this.#options;
    if (!runExclusively) return this.#evict(isBackground);
    const pass = async (lost: AbortSignal) => {
      if ((await this.#excess(isBackground)) > 0) await this.#evict(isBackground, lost);
    };
    await runExclusively(pass, { waitMs: PATIENCE_MS });
  }

  async #evict(isBackground: boolean, lost?: AbortSignal): Promise<void> {
    const { limits, index, recorder, eviction, pins, now, onEvicted, backgroundAgeMs } = this.#options;
    const startedAt = now();
    const usedBefore = startedAt - (isBackground ? backgroundAgeMs : 0);
    let [references, bytes] = [0, 0];
    await recorder.flush();
    const pinned = await pins.current();
    const aboveLow = async () => (await index.totals()).bytes - limits.size * limits.low;
    while (lost?.aborted !== true && ((await aboveLow()) > 0 || (await this.#excess(isBackground)) > 0)) {
      const evicted = await eviction.evictOldest(pinned, usedBefore);
      if (!evicted) break;
      references += evicted.references;
      bytes += evicted.bytes;
    }
    const missing = Math.max(0, await this.#excess(isBackground));
    onEvicted({ references, bytes, missing, durationMs: now() - startedAt });
  }
}

function noSpaceFor(bytes: number): QuotaFullError {
  return new QuotaFullError(`no space for ${bytes} bytes: nothing else can be evicted`);
}

function ignore(): void {}
