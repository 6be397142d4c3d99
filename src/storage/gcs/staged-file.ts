import { PathNotFoundError } from '../driver.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';
import type { GcsBucket } from './bucket.ts';
import { composeObjects } from './compose.ts';
import { isChanged, toStorageError } from './errors.ts';
import { PieceWriter } from './piece-writer.ts';
import { type Piece, pieceName, sizeOf, startsWithVersion, versionOf } from './pieces.ts';
import { createGcsSource } from './source.ts';

export interface GcsStagingParts {
  readonly bucket: GcsBucket;
  readonly chunkBytes: number;
  readonly buffers: PartBuffers;
  /** @throws {InvalidPathError} */
  readonly keyOf: (path: string) => string;
}

export interface GcsStagedFileOptions extends GcsStagingParts {
  readonly path: string;
  readonly pieces: readonly Piece[];
  /** Of the names of pieces. */
  readonly prefix: string;
  /** Reads the present pieces from the store. */
  readonly readPieces: () => Promise<readonly Piece[]>;
  readonly onRelease: () => void;
}

/** A held file in the staging area. The bytes written during a hold become one piece. */
export class GcsStagedFile implements StagedFile {
  readonly #options: GcsStagedFileOptions;
  #pieces: readonly Piece[];
  #written = 0;
  #writer: PieceWriter | undefined;
  #isHeld = true;

  constructor(options: GcsStagedFileOptions) {
    this.#options = options;
    this.#pieces = options.pieces;
  }

  get size(): number {
    return sizeOf(this.#pieces) + this.#written;
  }

  get version(): string {
    return versionOf(this.#pieces);
  }

  startsWith(version: string): boolean {
    return startsWithVersion(this.#pieces, version);
  }

  async *read(start: number): AsyncGenerator<Uint8Array> {
    const { bucket, path } = this.#options;
    for (const { name, offset, size, generation } of this.#pieces) {
      if (offset + size <= start) continue;
      const opened = await this.#translated('reading', bucket.get(name, { generation }));
      if (!opened) throw new PathNotFoundError('gcs', path);
      const source = createGcsSource({ bucket, name, path, opened });
      try {
        yield* source.read({ start: Math.max(0, start - offset), end: size });
      } finally {
        await source.close();
      }
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const name = `${this.#options.prefix}${pieceName(this.#pieces.length)}`;
    this.#writer ??= new PieceWriter({ ...this.#options, name });
    for (const chunk of chunks) this.#written += chunk.length;
    await this.#translated('writing', this.#writer.write(chunks));
  }

  async keep(): Promise<void> {
    await this.#keepWritten();
    this.#end();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    await this.#writer?.abort();
    this.#end();
  }

  async publish(path: string): Promise<void> {
    const { bucket, keyOf, prefix } = this.#options;
    const to = keyOf(path);
    await this.#keepWritten();
    await this.#translated('composing', composeObjects(bucket, this.#pieces, { to, temporary: `${prefix}composed-` }));
    this.#end();
  }

  /** Makes the written bytes visible, as the next piece. */
  async #keepWritten(): Promise<void> {
    const { path, readPieces } = this.#options;
    if (!this.#writer || this.#written === 0) return;
    // The file may have been deleted, with all of its pieces.
    if (versionOf(await readPieces()) !== this.version) throw new StagedFileHeldError(path);
    const finishing = this.#writer.finish().catch((err: unknown) => {
      throw isChanged(err) ? new StagedFileHeldError(path) : err;
    });
    const { name, generation, size } = await this.#translated('writing', finishing);
    this.#pieces = [...this.#pieces, { name, generation, size, offset: sizeOf(this.#pieces) }];
    this.#writer = undefined;
    this.#written = 0;
  }

  #end(): void {
    this.#isHeld = false;
    this.#options.onRelease();
  }

  async #translated<T>(operation: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw toStorageError(err, `${operation} ${this.#options.path}`);
    }
  }
}
