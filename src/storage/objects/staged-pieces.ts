import type { ByteSource } from '../../stream/byte-source.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';
import { type Piece, pieceName, type PieceObject, sizeOf, startsWithVersion, versionOf } from './pieces.ts';

/** Sends an object while its bytes arrive. Nothing is visible before {@link finish}. */
export interface PieceWriter {
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** Fails with a conflict when another writer created the object. */
  finish(): Promise<PieceObject>;
  /** Never fails. */
  abort(): Promise<void>;
}

/** The operations of a store whose objects are created only when there are none of their names. */
export interface PieceStore {
  /** Name of the driver. */
  readonly driver: string;
  /** @throws {InvalidPathError} */
  keyOf(path: string): string;
  createEmpty(name: string): Promise<unknown>;
  list(prefix: string): Promise<readonly PieceObject[]>;
  /** Opens this version of a piece. @param path used in errors */
  open(piece: Piece, path: string): Promise<ByteSource>;
  createWriter(name: string): PieceWriter;
  /** @param options.temporary prefix for the names of objects in between */
  compose(pieces: readonly Piece[], options: { readonly to: string; readonly temporary: string }): Promise<void>;
  isConflict(err: unknown): boolean;
  toStorageError(err: unknown, operation: string): Error;
}

export interface StagedPiecesOptions {
  readonly store: PieceStore;
  readonly path: string;
  readonly pieces: readonly Piece[];
  /** Of the names of pieces. */
  readonly prefix: string;
  /** Reads the present pieces from the store. */
  readonly readPieces: () => Promise<readonly Piece[]>;
  readonly onRelease: () => void;
}

/** A held file in the staging area. The bytes written during a hold become one piece. */
export class StagedPieces implements StagedFile {
  readonly #options: StagedPiecesOptions;
  #pieces: readonly Piece[];
  #written = 0;
  #writer: PieceWriter | undefined;
  #isHeld = true;

  constructor(options: StagedPiecesOptions) {
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
    const { store, path } = this.#options;
    for (const piece of this.#pieces) {
      const { offset, size } = piece;
      if (offset + size <= start) continue;
      const source = await this.#translated('reading', store.open(piece, path));
      try {
        yield* source.read({ start: Math.max(0, start - offset), end: size });
      } finally {
        await source.close();
      }
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const name = `${this.#options.prefix}${pieceName(this.#pieces.length)}`;
    this.#writer ??= this.#options.store.createWriter(name);
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
    const { store, prefix } = this.#options;
    const to = store.keyOf(path);
    await this.#keepWritten();
    await this.#translated('composing', store.compose(this.#pieces, { to, temporary: `${prefix}composed-` }));
    this.#end();
  }

  /** Makes the written bytes visible, as the next piece. */
  async #keepWritten(): Promise<void> {
    const { store, path, readPieces } = this.#options;
    if (!this.#writer || this.#written === 0) return;
    // The file may have been deleted, with all of its pieces.
    if (versionOf(await readPieces()) !== this.version) throw new StagedFileHeldError(path);
    const finishing = this.#writer.finish().catch((err: unknown) => {
      throw store.isConflict(err) ? new StagedFileHeldError(path) : err;
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
      throw this.#options.store.toStorageError(err, `${operation} ${this.#options.path}`);
    }
  }
}
