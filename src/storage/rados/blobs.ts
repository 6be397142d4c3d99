import { forEachAtOnce } from '../objects/at-once.ts';
import { chunkObject, decodeSize, encodeSize, TOTAL_SIZE } from './layout.ts';
import type { RadosPool } from './pool.ts';
import { ifMissing, NAME } from './rados-error.ts';
import type { WriteStep } from './write-steps.ts';

/** Chunks of one blob that are read, written or removed at the same time. */
export const MAX_CHUNKS_AT_ONCE = 4;

/** Attribute of the first chunk of a blob that was uploaded in pieces: bytes of each chunk. There may be chunks behind its end. */
export const STAGED = 'layover-staged';
/** Attribute of the first chunk of a blob that was moved: the path that has it, also while the path before still has it. */
export const HOME = 'layover-home';

/** The bytes of a file. */
export interface BlobInfo {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of each chunk but the last: those of the first chunk, whatever is configured now. */
  readonly chunkBytes: number;
  readonly modifiedAt: Date;
}

/** The chunks of blobs. */
export class RadosBlobs {
  readonly #pool: RadosPool;
  readonly chunkBytes: number;

  constructor(pool: RadosPool, chunkBytes: number) {
    this.#pool = pool;
    this.chunkBytes = chunkBytes;
  }

  /** @returns undefined when there is no such blob */
  async find(id: string): Promise<BlobInfo | undefined> {
    const first = chunkObject(id, 0);
    const [info, value] = await Promise.all([
      this.#pool.stat(first).catch(ifMissing(undefined)),
      this.#pool.attribute(first, TOTAL_SIZE).catch(ifMissing(undefined)),
    ]);
    const size = value && decodeSize(value);
    if (!info || size === undefined) return undefined;
    const chunkBytes = size > info.size ? info.size : Math.max(size, 1);
    return { id, size, chunkBytes, modifiedAt: info.modifiedAt };
  }

  /** Reads within one chunk. @returns bytes read */
  async read({ id, chunkBytes }: BlobInfo, position: number, into: Buffer): Promise<number> {
    const index = Math.floor(position / chunkBytes);
    return await this.#pool.read(chunkObject(id, index), position - index * chunkBytes, into);
  }

  /** All bytes of a small blob. @throws {RadosError} `ENOENT` when chunks are missing */
  async readWhole(blob: BlobInfo): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(blob.size);
    const count = Math.ceil(blob.size / blob.chunkBytes);
    const indexes = Array.from({ length: count }, (_, index) => index);
    await forEachAtOnce(indexes, MAX_CHUNKS_AT_ONCE, async (index) => {
      const start = index * blob.chunkBytes;
      const chunk = bytes.subarray(start, start + blob.chunkBytes);
      const length = await this.read(blob, start, chunk);
      if (length < chunk.length) throw new Error(`${NAME}: ${chunkObject(blob.id, index)} ends at ${length}`);
    });
    return bytes;
  }

  /** Writes a new blob. Removes what it wrote when that fails. */
  async write(id: string, bytes: Uint8Array): Promise<void> {
    const count = Math.max(1, Math.ceil(bytes.length / this.chunkBytes));
    const indexes = Array.from({ length: count }, (_, index) => index);
    try {
      await forEachAtOnce(indexes, MAX_CHUNKS_AT_ONCE, async (index) => {
        const start = index * this.chunkBytes;
        const more = index === 0 ? [sizeStep(bytes.length)] : [];
        await this.writeChunk(id, index, bytes.subarray(start, start + this.chunkBytes), more);
      });
    } catch (err) {
      await this.removeChunks(id, count).catch(() => {});
      throw err;
    }
  }

  async writeChunk(id: string, index: number, bytes: Uint8Array, more: readonly WriteStep[] = []): Promise<void> {
    const content: WriteStep[] = bytes.length === 0 ? [{ do: 'ensure' }] : [{ do: 'write', bytes, offset: 0 }];
    await this.#pool.write(chunkObject(id, index), [...content, ...more]);
  }

  async change(id: string, steps: readonly WriteStep[], index = 0): Promise<void> {
    await this.#pool.write(chunkObject(id, index), steps);
  }

  /** An attribute of the first chunk, as text. Absent also when there is no such blob. */
  async text(id: string, name: string): Promise<string | undefined> {
    const value = await this.#pool.attribute(chunkObject(id, 0), name).catch(ifMissing(undefined));
    return value && value.length > 0 ? value.toString() : undefined;
  }

  /** Removes a blob. Resolves also when there is none. */
  async remove(id: string): Promise<void> {
    const [found, staged] = await Promise.all([this.find(id), this.text(id, STAGED)]);
    if (!found) return await this.removeChunks(id, 1);
    const chunkBytes = staged === undefined ? found.chunkBytes : Number(staged);
    const count = Math.max(1, Math.ceil(found.size / chunkBytes));
    if (staged !== undefined) await this.removeFrom(id, count);
    await this.removeChunks(id, count);
  }

  /** Removes a chunk and those that follow, up to a missing one. @param guard a condition of each */
  async removeFrom(id: string, start: number, guard: readonly WriteStep[] = []): Promise<void> {
    for (let index = start; ; index++) {
      const steps: WriteStep[] = [...guard, { do: 'remove' }];
      const isLast = await this.#pool.write(chunkObject(id, index), steps).then(() => false, ifMissing(true));
      if (isLast) return;
    }
  }

  /** The first chunk last, because it has the size: an attempt that fails can be repeated. */
  async removeChunks(id: string, count: number): Promise<void> {
    const rest = Array.from({ length: count - 1 }, (_, index) => index + 1);
    await forEachAtOnce(rest, MAX_CHUNKS_AT_ONCE, (index) => this.#removeChunk(id, index));
    await this.#removeChunk(id, 0);
  }

  async #removeChunk(id: string, index: number): Promise<void> {
    await this.#pool.remove(chunkObject(id, index)).catch(ifMissing(undefined));
  }
}

export function sizeStep(size: number): WriteStep {
  return { do: 'set-attribute', name: TOTAL_SIZE, value: encodeSize(size) };
}
