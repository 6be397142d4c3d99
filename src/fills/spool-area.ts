import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type Clock, SYSTEM_CLOCK, type Timer } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../stream/buffer-pool.ts';
import { Spool } from '../stream/spool.ts';
import { FileLocks } from '../locks/file-locks.ts';

export interface SpoolAreaOptions {
  readonly directory: string;
  /** Total size of all spools, in bytes. */
  readonly maxBytes: number;
  /** A spool that was not resumed for this long is removed. Milliseconds. */
  readonly keepMs: number;
  readonly buffers: BufferPool;
  /** Called with the total size after every change. Bytes. */
  readonly onSize?: (bytes: number) => void;
  /** The quota of the storage that finished blobs go to; absent when there is none. */
  readonly quota?: SpaceReservation | undefined;
  /** For the removal of old spools. @default the clock of the system */
  readonly clock?: Clock;
}

/** Space in the storage, reserved for blobs that are being filled. */
export interface SpaceReservation {
  /** @throws when a blob of `size` bytes can never fit */
  assertFits(size: number): void;
  /**
   * Frees and reserves space; replaces the owner's reservation.
   *
   * @throws when no space can be freed; the owner's reservation is released then
   */
  reserve(owner: string, digest: Digest, bytes: number): Promise<void>;
  release(owner: string): void;
}

/** The identity of a spool. Bytes of one source are never continued from another. */
export interface SpoolKey {
  readonly digest: Digest;
  /** An upstream, or one repository of it. */
  readonly source: string;
}

/** The configured limit leaves no space for another spool. */
export class SpoolAreaFullError extends Error {
  override readonly name = 'SpoolAreaFullError';
}

const SWEEP_INTERVAL_MS = 10 * 60_000;
/** Number of unused spools that are kept, of whatever size: freeing space reads the metadata of each. */
const MAX_IDLE_SPOOLS = 1_000;
/** Before the directory was read. */
const UNKNOWN = { count: Infinity, bytes: Infinity };

/**
 * The directory of unfinished fills: one file per digest and source, named after both. After a break, a restart or a crash the file stays,
 * and the next fill of the digest from the same source resumes it.
 */
export class SpoolArea {
  readonly #options: SpoolAreaOptions;
  readonly #clock: Clock;
  /** Bytes reserved by each running fill, by its file. */
  readonly #active = new Map<string, number>();
  /** The private file of a running fill, by the name that its key has otherwise. */
  readonly #privateFiles = new Map<string, string>();
  readonly #locks: FileLocks;
  /** Unused spools: those found by the last read of the directory, and those left since. Never too few. */
  #idle = UNKNOWN;
  #removing: Promise<void> | undefined;
  #sweeper: Timer | undefined;

  constructor(options: SpoolAreaOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#locks = new FileLocks(`${options.directory}.locks`);
  }

  /**
   * Creates the directory, and removes old spools now and periodically.
   *
   * @throws {Error} when it, or the one for locks next to it, cannot be created
   */
  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true });
    await this.#locks.start().catch((err: unknown) => {
      throw new Error(cannotLock(this.#options.directory, err), { cause: err });
    });
    await this.#sweep();
    this.#scheduleSweep();
  }

  stop(): void {
    this.#sweeper?.cancel();
    this.#locks.stop();
  }

  #scheduleSweep(): void {
    this.#sweeper = this.#clock.setTimer(() => {
      void this.#sweep().catch(() => {}); // repeated after the interval
      this.#scheduleSweep();
    }, SWEEP_INTERVAL_MS);
  }

  /** Path of a spool. */
  pathOf(key: SpoolKey): string {
    return join(this.#options.directory, this.#fileOf(key));
  }

  /**
   * Opens the spool of a digest for a fill, with the bytes of an earlier fill from the same source. While another process fills the same
   * digest, the spool is a private file, which no other fill resumes.
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

  /** It has a lock too, so that the other process does not take it for an unused one. */
  async #usePrivate(name: string): Promise<void> {
    const file = `${name}.${randomUUID()}`;
    await this.#locks.take(file);
    this.#privateFiles.set(name, file);
  }

  /** @throws {SpoolAreaFullError} when `size` bytes do not fit next to the reservations of other running fills; nothing is reserved or removed */
  assertFits(key: SpoolKey, size: number): void {
    const others = sum(this.#active.values()) - (this.#active.get(this.#fileOf(key)) ?? 0);
    if (others + size > this.#options.maxBytes)
      throw new SpoolAreaFullError(`running fills leave no space for ${size} bytes`);
    try {
      this.#options.quota?.assertFits(size);
    } catch (err) {
      throw new SpoolAreaFullError(`${size} bytes exceed the quota of the storage`, { cause: err });
    }
  }

  /**
   * Reserves space for a running fill. Removes unused spools for it, the oldest first.
   *
   * @param bytes of the blob, received or about to be; replaces the previous reservation
   * @throws {SpoolAreaFullError} when running fills alone leave no space
   */
  async reserve(key: SpoolKey, bytes: number): Promise<void> {
    const file = this.#fileOf(key);
    const before = this.#active.get(file) ?? 0;
    this.#active.set(file, bytes);
    // A second time, as a pass in progress has not seen this reservation.
    for (let passes = 0; passes < 2 && this.#isOver(); passes++) await this.#makeSpace();
    const total = this.#total;
    this.#options.onSize?.(total);
    try {
      if (total > this.#options.maxBytes)
        throw new SpoolAreaFullError(`running fills leave no space for ${bytes} bytes`);
      await this.#reserveInQuota(key, bytes);
    } catch (err) {
      this.#active.set(file, before);
      throw err;
    }
  }

  async #reserveInQuota(key: SpoolKey, bytes: number): Promise<void> {
    try {
      await this.#options.quota?.reserve(fileName(key), key.digest, bytes);
    } catch (err) {
      throw new SpoolAreaFullError(`the quota of the storage leaves no space for ${bytes} bytes`, { cause: err });
    }
  }

  /** The fill has ended; its file, unless it became the blob, stays for the next one. */
  async release(key: SpoolKey): Promise<void> {
    const name = fileName(key);
    const file = this.#fileOf(key);
    this.#options.quota?.release(name);
    this.#active.delete(file);
    this.#privateFiles.delete(name);
    const left = file === name && (await stat(this.pathOf(key)).catch(() => undefined)); // absent when it became the blob
    if (left) this.#idle = { count: this.#idle.count + 1, bytes: this.#idle.bytes + left.size };
    this.#options.onSize?.(sum(this.#active.values()));
    await this.#locks.release(file);
    if (file !== name) await rm(join(this.#options.directory, file), { force: true });
  }

  /** Removes the file. Open readers can still read it. */
  async discard(key: SpoolKey): Promise<void> {
    await rm(this.pathOf(key), { force: true });
  }

  /** Size of all spools in bytes. */
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

  /** Reads the directory, and removes unused spools until the limits are kept, the oldest first. */
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
    const before = this.#clock.now() - this.#options.keepMs;
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
        const info = await stat(path).catch(() => undefined); // removed meanwhile
        return info && { path, size: info.size, modifiedAt: info.mtimeMs };
      }),
    );
    return found.filter((spool) => spool !== undefined).sort((a, b) => a.modifiedAt - b.modifiedAt);
  }
}

/** The source is hashed, as its name may be long and have any characters. */
function fileName({ digest, source }: SpoolKey): string {
  const suffix = createHash('sha256').update(source).digest('hex').slice(0, 16);
  return `${digest.replace(':', '-')}.${suffix}`;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function cannotLock(directory: string, err: unknown): string {
  const reason = err instanceof Error ? err.message : String(err);
  return `proxy.fills.directory: ${directory}.locks cannot be created (${reason}); name a directory below one that can be written, such as ${directory}/fills`;
}
