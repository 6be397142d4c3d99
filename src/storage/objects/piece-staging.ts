import { PathNotFoundError } from '../driver.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';
import { orderPieces, type Piece, sizeOf } from './pieces.ts';
import { type PieceStore, StagedPieces } from './staged-pieces.ts';

const PIECES = 'pieces/';

/**
 * Objects cannot grow. So every hold adds a piece, a separate object with the next number, which the store creates only when
 * there is none. Of two processes that append to the same file at once, one fails.
 */
export class PieceStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = true;
  readonly #store: PieceStore;
  /** Paths of the files that this process holds. */
  readonly #held = new Set<string>();

  constructor(store: PieceStore) {
    this.#store = store;
  }

  async create(path: string): Promise<void> {
    await this.#translated(`writing ${path}`, this.#store.createEmpty(this.#store.keyOf(path)));
  }

  async size(path: string): Promise<number> {
    return sizeOf(await this.#pieces(path));
  }

  async hold(path: string): Promise<StagedFile> {
    if (this.#held.has(path)) throw new StagedFileHeldError(path);
    this.#held.add(path);
    try {
      return new StagedPieces({
        store: this.#store,
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
    const objects = await this.#translated(`listing ${path}`, this.#store.list(directory));
    const key = this.#store.keyOf(path);
    if (!objects.some(({ name }) => name === key)) throw new PathNotFoundError(this.#store.driver, path);
    return orderPieces(objects.filter(({ name }) => name.startsWith(`${directory}${PIECES}`)));
  }

  /** The directory is for the file alone. */
  #directory(path: string): string {
    const key = this.#store.keyOf(path);
    return key.slice(0, key.lastIndexOf('/') + 1);
  }

  async #translated<T>(operation: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw this.#store.toStorageError(err, operation);
    }
  }
}
