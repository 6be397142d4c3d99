import { PathNotFoundError } from '../driver.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';
import { type BlobInfo, HOME, sizeStep, STAGED } from './blobs.ts';
import { chunkObject, DIRECTORY, newBlobId } from './layout.ts';
import { ObjectLock } from './object-lock.ts';
import { ifMissing, NAME, translated } from './rados-error.ts';
import { RadosStagedFile, type RadosStagingParts } from './staged-file.ts';
import { StagedChunks } from './staged-chunks.ts';

/** Staged files are blobs that grow. Their size counts the kept bytes; chunks may have more. */
export class RadosStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = true;
  readonly #parts: RadosStagingParts;

  constructor(parts: RadosStagingParts) {
    this.#parts = parts;
  }

  async create(path: string): Promise<void> {
    const { blobs, link } = this.#parts;
    const id = newBlobId();
    const chunkBytes = Buffer.from(String(blobs.chunkBytes));
    const steps = [sizeStep(0), { do: 'set-attribute', name: STAGED, value: chunkBytes }] as const;
    const work = blobs.change(id, [{ do: 'create' }, ...steps]).then(() => link(path, id));
    await translated({ doing: 'writing', path, isWrite: true }, work);
  }

  async size(path: string): Promise<number> {
    return (await translated({ doing: 'checking', path, isWrite: false }, this.#find(path))).size;
  }

  async hold(path: string): Promise<StagedFile> {
    return await translated({ doing: 'locking', path, isWrite: true }, this.#hold(path));
  }

  async #hold(path: string): Promise<StagedFile> {
    const { pool, blobs } = this.#parts;
    const { id } = await this.#find(path);
    const lock = await ObjectLock.acquire(pool, chunkObject(id, 0)).catch(ifMissing(null));
    if (lock === null) throw new PathNotFoundError(NAME, path);
    if (lock === undefined) throw new StagedFileHeldError(path);
    try {
      // A holder before may have kept more, or published the file.
      const blob = await this.#find(path);
      if (blob.id !== id) throw new StagedFileHeldError(path);
      const chunks = await StagedChunks.take(blobs, blob);
      return new RadosStagedFile({ ...this.#parts, path, blob, chunks, lock });
    } catch (err) {
      await lock.release();
      throw err;
    }
  }

  /** @throws {PathNotFoundError} */
  async #find(path: string): Promise<BlobInfo> {
    const { directories, blobs } = this.#parts;
    const id = await directories.find(path);
    const blob = id === undefined || id === DIRECTORY ? undefined : await blobs.find(id);
    if (!blob) throw new PathNotFoundError(NAME, path);
    // A process that published the file ended before it removed this name.
    const home = await blobs.text(blob.id, HOME);
    if (home !== undefined && home !== path && (await directories.find(home)) === blob.id) {
      throw new PathNotFoundError(NAME, path);
    }
    return blob;
  }
}
