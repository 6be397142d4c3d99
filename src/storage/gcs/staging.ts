import { PathNotFoundError } from '../driver.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';
import type { GcsObject } from './bucket.ts';
import { toStorageError } from './errors.ts';
import { orderPieces, type Piece, sizeOf } from './pieces.ts';
import { GcsStagedFile, type GcsStagingParts } from './staged-file.ts';

const NAME = 'gcs';
const PIECES = 'pieces/';

/**
 * Objects cannot grow. So every hold adds a piece, a separate object with the next number, which the store creates only when
 * there is none. Of two processes that append to the same file at once, one fails.
 */
export class GcsStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = true;
  readonly #parts: GcsStagingParts;
  /** Paths of the files that this process holds. */
  readonly #held = new Set<string>();

  constructor(parts: GcsStagingParts) {
    this.#parts = parts;
  }

  async create(path: string): Promise<void> {
    const { bucket, keyOf } = this.#parts;
    await translated(`writing ${path}`, bucket.put(keyOf(path), Buffer.alloc(0)));
  }

  async size(path: string): Promise<number> {
    return sizeOf(await this.#pieces(path));
  }

  async hold(path: string): Promise<StagedFile> {
    if (this.#held.has(path)) throw new StagedFileHeldError(path);
    this.#held.add(path);
    try {
      return new GcsStagedFile({
        ...this.#parts,
        path,
        pieces: await this.#pieces(path),
        prefix: `${this.#directory(path)}${PIECES}`,
        readPieces: () => this.#pieces(path),
        onRelease: () => this.#held.delete(path),
      });
    } catch (err) {
      this.#held.delete(path);
      throw err;
    }
  }

  /** @throws {PathNotFoundError} */
  async #pieces(path: string): Promise<readonly Piece[]> {
    const directory = this.#directory(path);
    const objects = await translated(`listing ${path}`, this.#objects(directory));
    const key = this.#parts.keyOf(path);
    if (!objects.some(({ name }) => name === key)) throw new PathNotFoundError(NAME, path);
    return orderPieces(objects.filter(({ name }) => name.startsWith(`${directory}${PIECES}`)));
  }

  async #objects(prefix: string): Promise<readonly GcsObject[]> {
    const found: GcsObject[] = [];
    for await (const { objects } of this.#parts.bucket.list(prefix)) found.push(...objects);
    return found;
  }

  /** The directory is for the file alone. */
  #directory(path: string): string {
    const key = this.#parts.keyOf(path);
    return key.slice(0, key.lastIndexOf('/') + 1);
  }
}

async function translated<T>(operation: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    throw toStorageError(err, operation);
  }
}
