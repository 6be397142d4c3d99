import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import { Spool } from '../stream/spool.ts';
import { SpoolLocks } from './spool-locks.ts';

export interface SpoolAreaOptions {
  readonly directory: string;
  /** Bytes that all spools may take together. */
  readonly maxBytes: number;
  /** A spool that nobody continued for this long is removed. Milliseconds. */
  readonly keepMs: number;
  readonly buffers: BufferPool;
  /** Told after every change. Bytes. */
  readonly onSize?: (bytes: number) => void;
  /** Where the finished blobs go, if there is a limit to it. */
  readonly store?: StoreRoom | undefined;
}

/** Room in the store, set aside for blobs that are on their way there. */
export interface StoreRoom {
  /** Makes room. @throws when there is none to be made */
  reserve(digest: Digest, size: number): Promise<void>;
  release(digest: Digest): void;
}

/** No room for another spool under the configured limit. */
export class SpoolAreaFullError extends Error {
  override readonly name = 'SpoolAreaFullError';
}

const SWEEP_INTERVAL_MS = 10 * 60_000;

/**
 * The directory of unfinished fills: one file per digest, named after it. What is left behind by a break, a restart or a crash stays, so that the
 * next fill of the digest goes on from there.
 */
export class SpoolArea {
  readonly #options: SpoolAreaOptions;
  /** Bytes that each running fill will take. */
  readonly #active = new Map<string, number>();
  /** The file that a running fill has. */
  readonly #files = new Map<Digest, string>();
  readonly #locks: SpoolLocks;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SpoolAreaOptions) {
    this.#options = options;
    this.#locks = new SpoolLocks(`${options.directory}.locks`);
  }

  /** Makes the directory and removes what is too old, now and from time to time. */
  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true });
    await this.#locks.start();
    await this.#sweep();
    this.#sweeper = setInterval(() => void this.#sweep().catch(() => {}), SWEEP_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
    this.#locks.stop();
  }

  /** Where the spool of a digest is. */
  pathOf(digest: Digest): string {
    return join(this.#options.directory, this.#fileOf(digest));
  }

  /**
   * Opens the spool of a digest for a fill; what an earlier one left is in it. While another process fills the same digest
   * the spool is a private one, which is not continued by anybody.
   */
  async open(digest: Digest): Promise<Spool> {
    const name = fileName(digest);
    const isOurs = await this.#locks.take(name);
    const file = isOurs ? name : `${name}.${randomUUID()}`;
    this.#files.set(digest, file);
    this.#active.set(file, 0);
    try {
      return await Spool.open(this.pathOf(digest), this.#options.buffers);
    } catch (err) {
      await this.release(digest);
      throw err;
    }
  }

  /**
   * Sets room aside for a running fill, at the cost of spools that nobody works on, the oldest first.
   *
   * @param size bytes of the whole blob
   * @throws {SpoolAreaFullError} when running fills alone leave no room
   */
  async reserve(digest: Digest, size: number): Promise<void> {
    this.#active.set(this.#fileOf(digest), size);
    const idle = await this.#idleSpools();
    let total = sum(this.#active.values()) + sum(idle.map((spool) => spool.size));
    for (const spool of idle) {
      if (total <= this.#options.maxBytes) break;
      await rm(spool.path, { force: true });
      total -= spool.size;
    }
    this.#options.onSize?.(total);
    try {
      if (total > this.#options.maxBytes)
        throw new SpoolAreaFullError(`fills under way leave no room for ${size} bytes`);
      await this.#reserveInStore(digest, size);
    } catch (err) {
      this.#active.set(this.#fileOf(digest), 0);
      throw err;
    }
  }

  async #reserveInStore(digest: Digest, size: number): Promise<void> {
    try {
      await this.#options.store?.reserve(digest, size);
    } catch (err) {
      throw new SpoolAreaFullError(`no room in the store for ${size} bytes`, { cause: err });
    }
  }

  /** The fill has ended; its file, if it is still there, waits for the next one. */
  async release(digest: Digest): Promise<void> {
    const file = this.#fileOf(digest);
    this.#options.store?.release(digest);
    this.#active.delete(file);
    this.#files.delete(digest);
    this.#options.onSize?.(sum(this.#active.values()));
    if (file === fileName(digest)) await this.#locks.release(file);
    else await rm(join(this.#options.directory, file), { force: true });
  }

  /** Removes the file; who has it open reads on. */
  async discard(digest: Digest): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
  }

  #fileOf(digest: Digest): string {
    return this.#files.get(digest) ?? fileName(digest);
  }

  async #sweep(): Promise<void> {
    const before = Date.now() - this.#options.keepMs;
    for (const spool of await this.#idleSpools()) {
      if (spool.modifiedAt < before) await rm(spool.path, { force: true });
    }
  }

  /** Oldest first. */
  async #idleSpools(): Promise<{ path: string; size: number; modifiedAt: number }[]> {
    const names = (await readdir(this.#options.directory)).filter((name) => !this.#active.has(name));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#options.directory, name);
        if (await this.#locks.isHeld(name)) return undefined;
        const info = await stat(path).catch(() => undefined); // gone meanwhile
        return info && { path, size: info.size, modifiedAt: info.mtimeMs };
      }),
    );
    return found.filter((spool) => spool !== undefined).sort((a, b) => a.modifiedAt - b.modifiedAt);
  }
}

function fileName(digest: Digest): string {
  return digest.replace(':', '-');
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
