import { type BlobInfo, HOME, type RadosBlobs, sizeStep, STAGED } from './blobs.ts';
import { encodeSize, TOTAL_SIZE } from './layout.ts';
import { ifMissing, isCode } from './rados-error.ts';
import type { WriteStep } from './write-steps.ts';

/** Attribute of a chunk: number of the hold that wrote it last. That of the first chunk: number of the last hold. */
const HOLD = 'layover-hold';
/** Digits, so that the order of texts is that of numbers. */
const HOLD_DIGITS = 12;

/**
 * The chunks of a staged blob during one hold. A write that a former holder started may reach the cluster after its lock has
 * ended, even after a write of the present one. So each hold has a number, and the cluster refuses to write a chunk that a
 * later hold has written.
 */
export class StagedChunks {
  readonly #blobs: RadosBlobs;
  readonly #id: string;
  readonly #chunkBytes: number;
  readonly #hold: Buffer;
  /** Chunks that this hold has written. */
  readonly #owned = new Set<number>();
  #size: number;
  #kept: number;

  private constructor(blobs: RadosBlobs, blob: BlobInfo, { chunkBytes, hold }: { chunkBytes: number; hold: Buffer }) {
    this.#blobs = blobs;
    this.#id = blob.id;
    this.#chunkBytes = chunkBytes;
    this.#hold = hold;
    this.#size = blob.size;
    this.#kept = blob.size;
  }

  /** Starts a hold. Removes chunks behind the end, which a former one left. @throws {RadosError} `ECANCELED` when another one started */
  static async take(blobs: RadosBlobs, blob: BlobInfo): Promise<StagedChunks> {
    const [staged, last] = await Promise.all([blobs.text(blob.id, STAGED), blobs.text(blob.id, HOLD)]);
    const hold = holdNumber(Number(last ?? 0) + 1);
    await blobs.change(blob.id, [
      { do: 'if-attribute', name: HOLD, value: Buffer.from(last ?? '') },
      { do: 'if-attribute', name: TOTAL_SIZE, value: encodeSize(blob.size) },
      { do: 'set-attribute', name: HOLD, value: hold },
    ]);
    const chunkBytes = staged === undefined ? Math.max(blob.chunkBytes, blobs.chunkBytes) : Number(staged);
    const chunks = new StagedChunks(blobs, blob, { chunkBytes, hold });
    await chunks.#removeUnkept();
    return chunks;
  }

  /** Bytes, including those that are not kept. */
  get size(): number {
    return this.#size;
  }

  get kept(): number {
    return this.#kept;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; ) {
      const offset = this.#size % this.#chunkBytes;
      const part = bytes.subarray(start, start + this.#chunkBytes - offset);
      await this.#write(Math.floor(this.#size / this.#chunkBytes), offset, part);
      this.#size += part.length;
      start += part.length;
    }
  }

  /** Makes the written bytes part of the blob. @param home where the blob will be, when it will not grow any more */
  async keep(home?: string): Promise<void> {
    const more: WriteStep[] = home === undefined ? [] : [{ do: 'set-attribute', name: HOME, value: Buffer.from(home) }];
    await this.#blobs.change(this.#id, [
      { do: 'if-attribute', name: HOLD, value: this.#hold },
      { do: 'if-attribute', name: TOTAL_SIZE, value: encodeSize(this.#kept) },
      sizeStep(this.#size),
      ...more,
    ]);
    this.#kept = this.#size;
  }

  /** Removes the bytes that are not kept. */
  async discard(): Promise<void> {
    if (this.#size > this.#kept) await this.#removeUnkept();
  }

  async #write(index: number, offset: number, bytes: Uint8Array): Promise<void> {
    const write: WriteStep = { do: 'write', bytes, offset };
    if (this.#owned.has(index)) {
      await this.#change(index, [{ do: 'if-attribute', name: HOLD, value: this.#hold }, write]);
      return;
    }
    const own: WriteStep = { do: 'set-attribute', name: HOLD, value: this.#hold };
    const isNew = index > 0 && offset === 0 && (await this.#isCreated(index, [own, write]));
    if (!isNew) {
      const guard: WriteStep = { do: 'if-attribute-until', name: HOLD, value: this.#hold };
      await this.#change(index, [guard, own, { do: 'truncate', length: offset }, write]);
    }
    this.#owned.add(index);
  }

  async #isCreated(index: number, steps: readonly WriteStep[]): Promise<boolean> {
    try {
      await this.#change(index, [{ do: 'create' }, ...steps]);
      return true;
    } catch (err) {
      if (isCode(err, 'EEXIST')) return false;
      throw err;
    }
  }

  async #change(index: number, steps: readonly WriteStep[]): Promise<void> {
    await this.#blobs.change(this.#id, steps, index);
  }

  async #removeUnkept(): Promise<void> {
    const guard: WriteStep = { do: 'if-attribute-until', name: HOLD, value: this.#hold };
    const start = Math.max(1, Math.ceil(this.#kept / this.#chunkBytes));
    await this.#blobs.removeFrom(this.#id, start, [guard]).catch(ifMissing(undefined));
  }
}

function holdNumber(value: number): Buffer {
  return Buffer.from(String(value).padStart(HOLD_DIGITS, '0'));
}
