import type { ByteSource } from '../../stream/byte-source.ts';
import { PathNotFoundError } from '../driver.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';
import type { Piece } from '../objects/pieces.ts';
import type { PieceStore, PieceWriter } from '../objects/staged-pieces.ts';
import type { GcsBucket, GcsObject } from './bucket.ts';
import { composeObjects } from './compose.ts';
import { isChanged, toStorageError } from './errors.ts';
import { GcsPieceWriter } from './piece-writer.ts';
import { createGcsSource } from './source.ts';

export interface GcsPiecesParts {
  readonly bucket: GcsBucket;
  readonly chunkBytes: number;
  readonly buffers: PartBuffers;
  /** @throws {InvalidPathError} */
  readonly keyOf: (path: string) => string;
}

/** Pieces of staged files in a bucket. */
export class GcsPieces implements PieceStore {
  readonly driver = 'gcs';
  readonly #parts: GcsPiecesParts;

  constructor(parts: GcsPiecesParts) {
    this.#parts = parts;
  }

  keyOf(path: string): string {
    return this.#parts.keyOf(path);
  }

  async createEmpty(name: string): Promise<void> {
    await this.#parts.bucket.put(name, Buffer.alloc(0));
  }

  async list(prefix: string): Promise<readonly GcsObject[]> {
    const found: GcsObject[] = [];
    for await (const { objects } of this.#parts.bucket.list(prefix)) found.push(...objects);
    return found;
  }

  async open({ name, generation }: Piece, path: string): Promise<ByteSource> {
    const { bucket } = this.#parts;
    const opened = await bucket.get(name, { generation });
    if (!opened) throw new PathNotFoundError(this.driver, path);
    return createGcsSource({ bucket, name, path, opened });
  }

  createWriter(name: string): PieceWriter {
    return new GcsPieceWriter({ ...this.#parts, name });
  }

  async compose(pieces: readonly Piece[], options: { readonly to: string; readonly temporary: string }): Promise<void> {
    await composeObjects(this.#parts.bucket, pieces, options);
  }

  isConflict(err: unknown): boolean {
    return isChanged(err);
  }

  toStorageError(err: unknown, operation: string): Error {
    return toStorageError(err, operation);
  }
}
