import { RegistryError } from '../oci/errors.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { RunningHash } from './running-hash.ts';

/** Bytes that are written at once. */
const BATCH_BYTES = 1024 * 1024;
/** So many small chunks cost more than their bytes. */
const MAX_CHUNKS = 512;

/** What a client sends of a blob. */
export interface UploadPiece {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Where the first of them belongs, if the client says so. */
  readonly offset: number | undefined;
  /** How many there are, if the client says so. */
  readonly length: number | undefined;
  /** More are to come, perhaps to another process: worth a hash that can be written down. */
  readonly isOneOfMany: boolean;
}

/** The client went away before the end of what it sends; what came before is good. */
export class PieceInterrupted {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/**
 * Writes what comes, while it is hashed: one batch is written while the next one gathers, and no more is in memory.
 *
 * @throws {RegistryError} `SIZE_INVALID` when there is more or less of it than was said
 */
export async function receivePiece(
  piece: UploadPiece,
  staged: StagedFile,
  hash: RunningHash,
): Promise<PieceInterrupted | undefined> {
  const writer = new BatchWriter(staged);
  let received = 0;
  const body = piece.bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextChunk(body);
      if (next instanceof PieceInterrupted) return next;
      if (next === undefined) break;
      received += next.length;
      if (piece.length !== undefined && received > piece.length) throw wrongLength(piece.length);
      hash.update(next);
      await writer.add(next);
    }
    if (piece.length !== undefined && received < piece.length) throw wrongLength(piece.length);
    return undefined;
  } finally {
    await body.return?.();
    await writer.end();
  }
}

/** Undefined at the end. */
async function nextChunk(body: AsyncIterator<Uint8Array>): Promise<Uint8Array | PieceInterrupted | undefined> {
  try {
    const { done, value } = await body.next();
    return done ? undefined : value;
  } catch (err) {
    return new PieceInterrupted(err);
  }
}

function wrongLength(expected: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `the body does not have the ${expected} bytes that were announced`);
}

class BatchWriter {
  readonly #staged: StagedFile;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(staged: StagedFile) {
    this.#staged = staged;
  }

  /** @throws what the batch before could not be written for */
  async add(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= BATCH_BYTES || this.#chunks.length >= MAX_CHUNKS) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    this.#bytes = 0;
    this.#writing = this.#staged.write(chunks);
    // Whoever awaits it next is told.
    this.#writing.catch(() => {});
  }
}
