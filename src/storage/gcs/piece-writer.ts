import type { PartBuffers } from '../objects/part-buffers.ts';
import type { GcsBucket, GcsObject } from './bucket.ts';
import { isChanged } from './errors.ts';
import { md5Of } from './md5.ts';
import { ResumableUpload } from './resumable-upload.ts';

export interface PieceWriterOptions {
  readonly bucket: GcsBucket;
  readonly name: string;
  /** Size of the chunks; a smaller object is sent with one request. */
  readonly chunkBytes: number;
  readonly buffers: PartBuffers;
}

/** Sends an object of unknown size while its bytes arrive. It becomes visible when {@link finish} resolves, if there is none yet. */
export class PieceWriter {
  readonly #options: PieceWriterOptions;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #upload: ResumableUpload | undefined;
  #sending: Promise<void> = Promise.resolve();
  #error: Error | undefined;

  constructor(options: PieceWriterOptions) {
    this.#options = options;
  }

  /** Waits while a chunk is being sent and the next one is complete. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      this.#gathered.push(chunk);
      this.#gatheredBytes += chunk.length;
      while (this.#gatheredBytes > this.#options.chunkBytes) await this.#sendGathered();
    }
    if (this.#error) throw this.#error;
  }

  /** @throws {StoreError} with status 412 when another writer created the object */
  async finish(): Promise<GcsObject> {
    await this.#sending;
    if (this.#error) throw this.#error;
    const bytes = Buffer.concat(this.#gathered);
    return this.#upload ? await this.#upload.finish(bytes) : await this.#putIfAbsent(bytes);
  }

  /** Never fails: the store removes an unfinished upload after a week. */
  async abort(): Promise<void> {
    await this.#sending;
    await this.#upload?.abort();
  }

  /** Resolves when the bytes of the chunk have been copied. */
  async #sendGathered(): Promise<void> {
    const { bucket, name, chunkBytes, buffers } = this.#options;
    await this.#sending;
    const upload = (this.#upload ??= new ResumableUpload({ bucket, name, ifAbsent: true }));
    await new Promise<void>((onCopied) => {
      this.#sending = buffers
        .use(chunkBytes, async (bytes) => {
          this.#take(bytes);
          onCopied();
          if (this.#error === undefined) await upload.send(bytes);
        })
        .catch((err: unknown) => {
          this.#error ??= err instanceof Error ? err : new Error(String(err));
        })
        .finally(onCopied);
    });
  }

  #take(target: Buffer): void {
    let filled = 0;
    while (filled < target.length) {
      const [first] = this.#gathered;
      if (!first) throw new Error('there are fewer bytes than a chunk');
      const part = first.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      if (part.length === first.length) this.#gathered.shift();
      else this.#gathered[0] = first.subarray(part.length);
    }
    this.#gatheredBytes -= filled;
  }

  async #putIfAbsent(bytes: Buffer): Promise<GcsObject> {
    const { bucket, name } = this.#options;
    try {
      return await bucket.put(name, bytes, { ifAbsent: true });
    } catch (err) {
      if (!isChanged(err)) throw err;
      // The response to an earlier attempt may have been lost.
      const found = await bucket.stat(name);
      if (found && found.md5 === md5Of(bytes)) return found;
      throw err;
    }
  }
}
