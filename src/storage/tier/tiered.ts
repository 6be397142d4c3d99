import type { BufferPool } from '../../stream/buffer-pool.ts';
import type { ByteRange, ByteSource, ReadOptions } from '../../stream/byte-source.ts';
import { FileSource } from '../../stream/file-source.ts';
import type { Adoption, StorageDriver } from '../driver.ts';
import type { TierCopy, TierKey } from './tier-copy.ts';
import { TierFiles, type TierFilesOptions } from './tier-files.ts';

/** Options of {@link createTieredDriver}. */
export interface TierOptions extends TierFilesOptions {
  /** Memory for reads. */
  readonly buffers: BufferPool;
  /** Called when a copy cannot be written. Reads do not fail. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Paths of bytes addressed by their digest: only these can never be out of date. */
const BLOB_DATA = /\/blobs\/(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]{64}|[0-9a-f]{128})\/data$/;

/**
 * Wraps a driver with copies of blobs on a local disk. A copy is made when a blob is stored, or while it is read from start
 * to end; later reads use the copy. All other calls, such as `stat`, go to the wrapped driver.
 *
 * @returns a driver that closes the wrapped one
 */
export async function createTieredDriver(driver: StorageDriver, options: TierOptions): Promise<StorageDriver> {
  const tier = new Tier(await TierFiles.open(options), options);
  return {
    name: driver.name,
    spoolDirectory: driver.spoolDirectory,
    staging: driver.staging,
    stat: (path) => driver.stat(path),
    open: (path) => tier.open(path, driver),
    readSmall: (path, maxBytes) => driver.readSmall(path, maxBytes),
    writeSmall: (path, bytes, writeOptions) => driver.writeSmall(path, bytes, writeOptions),
    adopt: (localFile, path, adoptOptions) =>
      tier.copyAdopted(localFile, path, () => driver.adopt(localFile, path, adoptOptions)),
    ...(driver.batch && { batch: driver.batch.bind(driver) }),
    ...(driver.secure && { secure: driver.secure.bind(driver) }),
    startAdoption(localFile, path, expected): Adoption | undefined {
      const adoption = driver.startAdoption?.(localFile, path, expected);
      return (
        adoption && {
          available: (bytes) => adoption.available(bytes),
          finish: () => tier.copyAdopted(localFile, path, () => adoption.finish()),
          abort: () => adoption.abort(),
        }
      );
    },
    list: (path) => driver.list(path),
    ...(driver.listAfter && { listAfter: driver.listAfter.bind(driver) }),
    move: (from, to) => driver.move(from, to),
    async delete(path) {
      await driver.delete(path);
      await tier.forget(path);
    },
    deleteEmpty: (path) => driver.deleteEmpty(path),
    redirectUrl: (path, request) => driver.redirectUrl(path, request),
    ...(driver.objectKey && { objectKey: driver.objectKey.bind(driver) }),
    ...(driver.isWritable && { isWritable: driver.isWritable.bind(driver) }),
    close: () => driver.close(),
  };
}

class Tier {
  readonly #files: TierFiles;
  readonly #options: TierOptions;
  /** Paths of blobs being copied, each by one reader. */
  readonly #copying = new Set<string>();

  constructor(files: TierFiles, options: TierOptions) {
    this.#files = files;
    this.#options = options;
  }

  async open(path: string, driver: StorageDriver): Promise<ByteSource> {
    const key = keyOf(path);
    if (!key) return await driver.open(path);
    const copy = await this.#files.open(key);
    if (copy) return new FileSource({ ...copy, buffers: this.#options.buffers });
    const source = await driver.open(path);
    return new CopyingSource(source, () => this.#startCopy(path, key, source.size));
  }

  /** Adopts a local file, and keeps a second link to it as a copy when that succeeds. */
  async copyAdopted(localFile: string, path: string, adopt: () => Promise<void>): Promise<void> {
    const key = keyOf(path);
    const link = key && (await this.#files.startLink(key, localFile).catch(() => undefined));
    try {
      await adopt();
    } catch (err) {
      await link?.discard();
      throw err;
    }
    await link?.keep().catch((err: unknown) => this.#options.onError?.(err));
  }

  /** @param path of a blob's bytes, or of their directory */
  async forget(path: string): Promise<void> {
    const key = keyOf(path) ?? keyOf(`${path}/data`);
    if (key) await this.#files.delete(key);
  }

  async #startCopy(path: string, key: TierKey, size: number): Promise<Copying | undefined> {
    if (this.#copying.has(path)) return undefined;
    this.#copying.add(path);
    const ended = () => void this.#copying.delete(path);
    try {
      const copy = await this.#files.startCopy(key, size);
      if (copy) return new Copying(copy, ended, (err) => this.#options.onError?.(err));
    } catch (err) {
      this.#options.onError?.(err);
    }
    ended();
    return undefined;
  }
}

/** A copy in progress. Its failures are reported to the tier, and do not reach the reader. */
class Copying {
  readonly #copy: TierCopy;
  readonly #onEnded: () => void;
  readonly #onError: (err: unknown) => void;
  #failed = false;

  constructor(copy: TierCopy, onEnded: () => void, onError: (err: unknown) => void) {
    this.#copy = copy;
    this.#onEnded = onEnded;
    this.#onError = onError;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#failed) await this.#copy.write(chunk).catch((err: unknown) => this.#fail(err));
  }

  /** @param isComplete all bytes were written */
  async end({ isComplete }: { readonly isComplete: boolean }): Promise<void> {
    const ending = isComplete && !this.#failed ? this.#copy.finish() : this.#copy.discard();
    await ending.catch((err: unknown) => this.#fail(err));
    this.#onEnded();
  }

  #fail(err: unknown): void {
    this.#failed = true;
    this.#onError(err);
  }
}

/** A source that is copied while it is read from start to end. */
class CopyingSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #startCopy: () => Promise<Copying | undefined>;

  constructor(source: ByteSource, startCopy: () => Promise<Copying | undefined>) {
    this.#source = source;
    this.#startCopy = startCopy;
  }

  get size(): number {
    return this.#source.size;
  }

  async *read(range: ByteRange, options: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const isWhole = range.start === 0 && range.end === this.size;
    const copying = isWhole ? await this.#startCopy() : undefined;
    let read = 0;
    try {
      for await (const chunk of this.#source.read(range, options)) {
        read += chunk.length;
        await copying?.write(chunk);
        yield chunk;
      }
    } finally {
      await copying?.end({ isComplete: read === this.size });
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

function keyOf(path: string): TierKey | undefined {
  const [, algorithm, hex] = BLOB_DATA.exec(path) ?? [];
  return algorithm === undefined || hex === undefined ? undefined : { algorithm, hex };
}
