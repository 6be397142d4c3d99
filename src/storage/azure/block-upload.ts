import { randomBytes } from 'node:crypto';

import type { PartBuffers } from '../objects/part-buffers.ts';
import type { AzureContainer } from './container.ts';
import { isConflict } from './errors.ts';
import type { ListedBlob } from './list-page.ts';

/** Blocks of one upload that are sent at the same time. */
const MAX_CONCURRENT_BLOCKS = 4;

export interface BlockUploadOptions {
  readonly container: AzureContainer;
  readonly name: string;
  readonly buffers: PartBuffers;
}

/** Id of a block. All ids of a blob have one length; those of different uploads differ. @param upload 16 digits */
export function blockId(upload: string, index: number): string {
  return Buffer.from(`${upload}-${String(index).padStart(6, '0')}`).toString('base64');
}

/** A blob that is sent in blocks, several at a time. It becomes visible with the list of them. */
export class BlockUpload {
  readonly #options: BlockUploadOptions;
  readonly #upload = randomBytes(8).toString('hex');
  readonly #ids: string[] = [];
  readonly #sending = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #size = 0;
  #error: Error | undefined;

  constructor(options: BlockUploadOptions) {
    this.#options = options;
  }

  /** Bytes of the blocks, also of those that are being sent. */
  get size(): number {
    return this.#size;
  }

  /**
   * Waits while too many blocks are being sent. Resolves when `fill` has written the bytes of the block.
   *
   * @throws {Error} the first error of a block
   */
  async add(length: number, fill: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    while (this.#sending.size >= MAX_CONCURRENT_BLOCKS) await Promise.race(this.#sending);
    if (this.#error) throw this.#error;
    const { container, name, buffers } = this.#options;
    const id = blockId(this.#upload, this.#ids.length);
    this.#ids.push(id);
    this.#size += length;
    await new Promise<void>((onFilled) => {
      const sending = buffers
        .use(length, async (bytes) => {
          await fill(bytes);
          onFilled();
          this.#ended.signal.throwIfAborted();
          await container.putBlock(name, id, bytes, this.#ended.signal);
        })
        .catch((err: unknown) => {
          this.#error ??= err instanceof Error ? err : new Error(String(err));
        })
        .finally(() => {
          this.#sending.delete(sending);
          onFilled();
        });
      this.#sending.add(sending);
    });
  }

  /** @param options.ifAbsent fails with a conflict when another writer made the blob */
  async finish({ ifAbsent = false } = {}): Promise<ListedBlob> {
    const { container, name } = this.#options;
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    if (this.#error) throw this.#error;
    if (ifAbsent) return await this.#finishNew();
    return await container.putBlockList(name, this.#ids, { size: this.#size });
  }

  async #finishNew(): Promise<ListedBlob> {
    const { container, name } = this.#options;
    try {
      return await container.putBlockList(name, this.#ids, { size: this.#size, newAs: this.#upload });
    } catch (err) {
      if (!isConflict(err)) throw err;
      // The response to an earlier attempt may have been lost.
      const found = await container.find(name);
      if (found?.upload === this.#upload) return found;
      throw err;
    }
  }

  /** Never fails: the store removes blocks without a list after a week. */
  async abort(): Promise<void> {
    this.#ended.abort();
    await Promise.allSettled(this.#sending);
  }
}

/** Finishes an upload of content that others may have stored at the same time, which discards the blocks of this one. */
export async function finishShared(container: AzureContainer, name: string, size: number, finish: Promise<unknown>) {
  try {
    await finish;
  } catch (err) {
    if (!isConflict(err)) throw err;
    const found = await container.head(name).catch(() => undefined);
    if (found?.size !== size) throw err;
  }
}
