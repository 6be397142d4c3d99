import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import { Spool } from '../stream/spool.ts';
import { FileLocks } from '../locks/file-locks.ts';

export interface SpoolAreaOptions {
  readonly directory: string;
  /** Bytes that all spools may take together. */
  readonly maxBytes: number;
  /** A spool that nobody continued for this long is removed. Milliseconds. */
  readonly keepMs: number;
  readonly buffers: BufferPool;
  /** Told after every change. Bytes. */
  readonly onSize?: (bytes: number) => void;
  /** The quota of the storage that finished blobs go to; absent when there is none. */
  readonly quota?: SpaceReservation | undefined;
}

/** Space in the storage, reserved for blobs that are being filled. */
export interface SpaceReservation {
  /** @throws when a blob of so many bytes can never fit */
  assertFits(size: number): void;
  /**
   * Frees and reserves space; replaces what was reserved for the same owner.
   *
   * @throws when no space can be freed; what was reserved before is given up too
   */
  reserve(owner: string, digest: Digest, bytes: number): Promise<void>;
  release(owner: string): void;
}

/** Whose spool it is. What one source wrote is never continued from another. */
export interface SpoolKey {
  readonly digest: Digest;
  /** The upstream, or one repository of it. */
  readonly source: string;
}

/** No room for another spool under the configured limit. */
export class SpoolAreaFullError extends Error {
  override readonly name = 'SpoolAreaFullError';
}

const SWEEP_INTERVAL_MS = 10 * 60_000;
/** Of spools that no fill uses so many are kept, however small they are: each is looked at when space is made. */
const MAX_IDLE_SPOOLS = 1_000;
/** Before the directory was looked at. */
const UNKNOWN = { count: Infinity, bytes: Infinity };

/**
 * The directory of unfinished fills: one file per digest and source, named after both. What is left behind by a break, a restart or a crash
 * stays, so that the next fill of the digest from the same source resumes there.
 */
export class SpoolArea {
  readonly #options: SpoolAreaOptions;
  /** Bytes that each running fill has reserved, by its file. */
  readonly #active = new Map<string, number>();
  /** The file that a running fill has, where it is not named after the key. */
  readonly #privateFiles = new Map<string, string>();
  readonly #locks: FileLocks;
  /** Spools that no fill uses: those of the last look, and what was left since. Never too few. */
  #idle = UNKNOWN;
  #removing: Promise<void> | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SpoolAreaOptions) {
    this.#options = options;
    this.#locks = new FileLocks(`${options.directory}.locks`);
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
  pathOf(key: SpoolKey): string {
    return join(this.#options.directory, this.#fileOf(key));
  }

  /**
   * Opens the spool of a digest for a fill, with what an earlier fill from the same source left in it. While another process fills the same
   * digest the spool is a private one, which no other fill resumes.
   */
  async open(key: SpoolKey): Promise<Spool> {
    const name = fileName(key);
    if (!(await this.#locks.take(name))) await this.#usePrivate(name);
    this.#active.set(this.#fileOf(key), 0);
    try {
      return await Spool.open(this.pathOf(key), this.#options.buffers);
    } catch (err) {
      await this.release(key);
      throw err;
    }
  }

  /** Has a lock too, so that the other process does not take it for one that was left behind. */
  async #usePrivate(name: string): Promise<void> {
    const file = `${name}.${randomUUID()}`;
    await this.#locks.take(file);
    this.#privateFiles.set(name, file);
  }

  /** @throws {SpoolAreaFullError} when `size` bytes do not fit beside what other running fills have reserved; nothing is reserved or removed */
  assertFits(key: SpoolKey, size: number): void {
    const others = sum(this.#active.values()) - (this.#active.get(this.#fileOf(key)) ?? 0);
    if (others + size > this.#options.maxBytes)
      throw new SpoolAreaFullError(`running fills leave no space for ${size} bytes`);
    try {
      this.#options.quota?.assertFits(size);
    } catch (err) {
      throw new SpoolAreaFullError(`${size} bytes are more than the store may take`, { cause: err });
    }
  }

  /**
   * Reserves space for a running fill, at the cost of spools that no fill uses, the oldest first.
   *
   * @param bytes of the blob that are there, or are about to be; replaces what was reserved before
   * @throws {SpoolAreaFullError} when running fills alone leave no space
   */
  async reserve(key: SpoolKey, bytes: number): Promise<void> {
    const file = this.#fileOf(key);
    const before = this.#active.get(file) ?? 0;
    this.#active.set(file, bytes);
    // What is reserved while others make space may come too late for it.
    for (let looks = 0; looks < 2 && this.#isOver(); looks++) await this.#makeSpace();
    const total = this.#total;
    this.#options.onSize?.(total);
    try {
      if (total > this.#options.maxBytes)
        throw new SpoolAreaFullError(`running fills leave no space for ${bytes} bytes`);
      await this.#reserveInStore(key, bytes);
    } catch (err) {
      this.#active.set(file, before);
      throw err;
    }
  }

  async #reserveInStore(key: SpoolKey, bytes: number): Promise<void> {
    try {
      await this.#options.quota?.reserve(fileName(key), key.digest, bytes);
    } catch (err) {
      throw new SpoolAreaFullError(`no space in the store for ${bytes} bytes`, { cause: err });
    }
  }

  /** The fill has ended; its file, if it is still there, waits for the next one. */
  async release(key: SpoolKey): Promise<void> {
    const name = fileName(key);
    const file = this.#fileOf(key);
    this.#options.quota?.release(name);
    this.#active.delete(file);
    this.#privateFiles.delete(name);
    const left = file === name && (await stat(this.pathOf(key)).catch(() => undefined)); // else it has become the blob
    if (left) this.#idle = { count: this.#idle.count + 1, bytes: this.#idle.bytes + left.size };
    this.#options.onSize?.(sum(this.#active.values()));
    await this.#locks.release(file);
    if (file !== name) await rm(join(this.#options.directory, file), { force: true });
  }

  /** Removes the file; open readers can still read it. */
  async discard(key: SpoolKey): Promise<void> {
    await rm(this.pathOf(key), { force: true });
  }

  /** Bytes of all spools. */
  get #total(): number {
    return sum(this.#active.values()) + this.#idle.bytes;
  }

  #isOver(): boolean {
    return this.#idle.count > MAX_IDLE_SPOOLS || this.#total > this.#options.maxBytes;
  }

  async #makeSpace(): Promise<void> {
    this.#removing ??= this.#removeIdle().finally(() => (this.#removing = undefined));
    await this.#removing;
  }

  /** Looks at the directory, and removes as many spools that no fill uses as there are too many, the oldest first. */
  async #removeIdle(): Promise<void> {
    const spools = await this.#idleSpools();
    this.#idle = { count: spools.length, bytes: sum(spools.map(({ size }) => size)) };
    for (const { path, size } of spools) {
      if (!this.#isOver()) return;
      await rm(path, { force: true });
      this.#idle = { count: this.#idle.count - 1, bytes: this.#idle.bytes - size };
    }
  }

  #fileOf(key: SpoolKey): string {
    const name = fileName(key);
    return this.#privateFiles.get(name) ?? name;
  }

  async #sweep(): Promise<void> {
    const before = Date.now() - this.#options.keepMs;
    for (const spool of await this.#idleSpools()) {
      if (spool.modifiedAt < before) await rm(spool.path, { force: true });
    }
    this.#idle = UNKNOWN; // until space is needed: other processes may have left some
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

/** A source can have any name, of any length. */
function fileName({ digest, source }: SpoolKey): string {
  const suffix = createHash('sha256').update(source).digest('hex').slice(0, 16);
  return `${digest.replace(':', '-')}.${suffix}`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
