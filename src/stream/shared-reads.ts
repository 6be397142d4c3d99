import type { FileHandle } from 'node:fs/promises';

import type { BufferLease, BufferPool } from './buffer-pool.ts';
import type { BytesView } from './spool-window.ts';

/** At most so many bytes are read at a time. */
const MAX_READ_BYTES = 512 * 1024;

interface SharedPart {
  readonly start: number;
  readonly end: number;
  readonly lease: BufferLease;
  readonly bytes: Promise<Uint8Array>;
  views: number;
}

/**
 * Reads a growing file for several readers at once: bytes that one of them is reading or using are not read again for another one. Readers
 * of the same file are often close to each other, because they started together.
 */
export class SharedReads {
  readonly #file: FileHandle;
  readonly #buffers: BufferPool;
  /** Those that have views. */
  readonly #parts = new Set<SharedPart>();

  constructor(file: FileHandle, buffers: BufferPool) {
    this.#file = file;
    this.#buffers = buffers;
  }

  /** Bytes from `start`, at least one, at most until `end`. The file must have them. */
  async view(start: number, end: number): Promise<BytesView> {
    const part = this.#find(start) ?? this.#open(start, end);
    part.views++;
    const release = () => this.#release(part);
    try {
      const bytes = (await part.bytes).subarray(start - part.start, end - part.start);
      return { bytes, release };
    } catch (err) {
      release();
      throw err;
    }
  }

  #find(position: number): SharedPart | undefined {
    for (const part of this.#parts) if (part.start <= position && position < part.end) return part;
    return undefined;
  }

  #open(start: number, end: number): SharedPart {
    const lease = this.#buffers.lease();
    const buffer = lease.require(Math.min(end - start, MAX_READ_BYTES));
    const bytes = readExactly(this.#file, buffer.subarray(0, end - start), start);
    const part = { start, end: Math.min(end, start + buffer.length), lease, bytes, views: 0 };
    this.#parts.add(part);
    return part;
  }

  #release(part: SharedPart): void {
    part.views--;
    if (part.views > 0) return;
    this.#parts.delete(part);
    part.lease.end();
  }
}

/** Fills the buffer. @throws when the file ends before that */
export async function readExactly(file: FileHandle, buffer: Uint8Array, position: number): Promise<Uint8Array> {
  for (let filled = 0; filled < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0)
      throw new Error(`the file ends at ${position + filled} bytes, before ${position + buffer.length}`);
    filled += bytesRead;
  }
  return buffer;
}
