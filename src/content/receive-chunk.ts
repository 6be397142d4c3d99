import { RegistryError } from '../oci/errors.ts';
import type { StagedFile } from '../storage/staging.ts';
import type { RunningHash } from './running-hash.ts';

/** Bytes per write. */
const BATCH_BYTES = 1024 * 1024;
/** Buffers per write: many small ones cost more than their bytes. */
const MAX_BUFFERS = 512;

/** The part of a blob that one request sends. */
export interface UploadChunk {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether the pieces of `bytes` stay valid when the next one is requested. @default false */
  readonly isStable?: boolean;
  /** Position of the first byte in the blob. Absent when the client does not send it. */
  readonly offset: number | undefined;
  /** Number of bytes. Absent when the client does not send it. */
  readonly length: number | undefined;
  /** More chunks follow, perhaps to another process, so the state of the hash is worth saving. */
  readonly isOneOfMany: boolean;
}

/** The client disconnected before the end of the chunk. The bytes before that are good. */
export class ChunkInterrupted {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/**
 * Writes and hashes a chunk as it arrives: one batch is written while the next one gathers, and no more is in memory.
 *
 * @throws {RegistryError} `SIZE_INVALID` when it is longer or shorter than announced
 */
export async function receiveChunk(
  chunk: UploadChunk,
  staged: StagedFile,
  hash: RunningHash,
): Promise<ChunkInterrupted | undefined> {
  const writer = new BatchWriter(staged);
  let received = 0;
  const body = chunk.bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextBytes(body);
      if (next instanceof ChunkInterrupted) return next;
      if (next === undefined) break;
      received += next.length;
      if (chunk.length !== undefined && received > chunk.length) throw wrongLength(chunk.length);
      hash.update(next);
      await writer.add(chunk.isStable ? next : Buffer.from(next));
    }
    if (chunk.length !== undefined && received < chunk.length) throw wrongLength(chunk.length);
    return undefined;
  } finally {
    await body.return?.();
    await writer.end();
  }
}

/** @returns undefined at the end of the body */
async function nextBytes(body: AsyncIterator<Uint8Array>): Promise<Uint8Array | ChunkInterrupted | undefined> {
  try {
    const { done, value } = await body.next();
    return done ? undefined : value;
  } catch (err) {
    return new ChunkInterrupted(err);
  }
}

function wrongLength(expected: number): RegistryError {
  return new RegistryError('SIZE_INVALID', `the body does not have the ${expected} bytes that were announced`);
}

class BatchWriter {
  readonly #staged: StagedFile;
  #buffers: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(staged: StagedFile) {
    this.#staged = staged;
  }

  /** @throws the error of writing the batch before */
  async add(bytes: Uint8Array): Promise<void> {
    this.#buffers.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BATCH_BYTES || this.#buffers.length >= MAX_BUFFERS) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const buffers = this.#buffers;
    if (buffers.length === 0) return;
    this.#buffers = [];
    this.#bytes = 0;
    this.#writing = this.#staged.write(buffers);
    this.#writing.catch(() => {}); // the next await of it throws
  }
}
