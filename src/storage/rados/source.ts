import type { BufferLease, BufferPool } from '../../stream/buffer-pool.ts';
import { type ByteRange, type ByteSource, checkRange, type ReadOptions } from '../../stream/byte-source.ts';
import { VersionGoneError } from '../objects/object-source.ts';
import { type BlobInfo, MAX_CHUNKS_AT_ONCE, type RadosBlobs } from './blobs.ts';
import { isCode, translated } from './rados-error.ts';

export interface RadosSourceOptions {
  readonly blobs: RadosBlobs;
  readonly blob: BlobInfo;
  readonly path: string;
  readonly buffers: BufferPool;
  /** Called once. */
  readonly onClose: () => void;
}

interface StartedRead {
  readonly buffer: Buffer;
  /** Ends with the bytes in the buffer. */
  readonly reading: Promise<Uint8Array>;
}

/** A blob whose chunks stay while it is open. Each reader has a few reads in progress. */
export class RadosSource implements ByteSource {
  readonly #options: RadosSourceOptions;
  readonly #closed = new AbortController();

  constructor(options: RadosSourceOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.blob.size;
  }

  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkRange(range, this.size);
    const ended = AbortSignal.any(signal ? [signal, this.#closed.signal] : [this.#closed.signal]);
    ended.throwIfAborted();
    const lease = this.#options.buffers.lease(MAX_CHUNKS_AT_ONCE);
    const started: StartedRead[] = [];
    let position = range.start;
    try {
      while (position < range.end || started.length > 0) {
        position = this.#readAhead(started, lease, { start: position, end: range.end });
        const { buffer, reading } = started[0] as StartedRead;
        yield await unlessAborted(reading, ended);
        ended.throwIfAborted();
        started.shift();
        lease.give(buffer);
      }
    } finally {
      // librados writes into the buffers until the reads have ended.
      void Promise.allSettled(started.map(({ reading }) => reading)).then(() => lease.end());
    }
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new Error(`${this.#options.path} has been closed`));
    this.#options.onClose();
  }

  /** Starts reads while there are buffers. @returns where they end */
  #readAhead(started: StartedRead[], lease: BufferLease, { start, end }: ByteRange): number {
    const { chunkBytes } = this.#options.blob;
    let position = start;
    while (position < end && started.length < MAX_CHUNKS_AT_ONCE) {
      const wanted = Math.min(end - position, chunkBytes - (position % chunkBytes));
      const buffer = lease.take(wanted);
      if (!buffer) break;
      const bytes = buffer.subarray(0, wanted);
      const reading = this.#fill(bytes, position);
      reading.catch(() => {});
      started.push({ buffer, reading });
      position += bytes.length;
    }
    return position;
  }

  async #fill(bytes: Buffer, position: number): Promise<Uint8Array> {
    const { blobs, blob, path } = this.#options;
    const reading = blobs.read(blob, position, bytes).catch((err: unknown) => {
      throw isCode(err, 'ENOENT') ? new VersionGoneError(path) : err;
    });
    const length = await translated({ doing: 'reading', path, isWrite: false }, reading);
    if (length < bytes.length) throw new VersionGoneError(path, `bytes from ${position + length} are missing`);
    return bytes;
  }
}

/** Rejects when the signal is aborted, while the work continues. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
