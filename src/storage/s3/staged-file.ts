import type { S3Config } from '../../config/config.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { S3Bucket } from './bucket.ts';
import { composeObject } from './compose.ts';
import { toStorageError } from './errors.ts';
import { S3SegmentWriter } from './segment-writer.ts';
import { createSegmentName, NO_SEGMENT, parseSegment, type Segment } from './segments.ts';
import { S3Source } from './source.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';

export interface S3StagingParts {
  readonly bucket: S3Bucket;
  readonly config: Pick<S3Config, 'chunkBytes' | 'copy'>;
  readonly buffers: PartBuffers;
  readonly running: Set<string>;
  /** @throws {InvalidPathError} */
  readonly keyOf: (path: string) => string;
}

export interface S3StagedFileOptions extends S3StagingParts {
  readonly path: string;
  readonly chain: readonly Segment[];
  readonly segmentKey: (name: string) => string;
  /** As it is now. */
  readonly readChain: () => Promise<readonly Segment[]>;
  readonly onLetGo: () => void;
}

/** What is written becomes one more segment. */
export class S3StagedFile implements StagedFile {
  readonly #options: S3StagedFileOptions;
  #chain: readonly Segment[];
  #written = 0;
  #writing: { readonly name: string; readonly writer: S3SegmentWriter } | undefined;
  #isHeld = true;

  constructor(options: S3StagedFileOptions) {
    this.#options = options;
    this.#chain = options.chain;
  }

  get size(): number {
    return this.#kept + this.#written;
  }

  get version(): string {
    return headOf(this.#chain);
  }

  startsWith(version: string): boolean {
    return version === NO_SEGMENT || this.#chain.some(({ id }) => id === version);
  }

  async *read(start: number): AsyncGenerator<Uint8Array> {
    const { bucket, segmentKey, path } = this.#options;
    for (const { name, offset, size } of this.#chain) {
      if (offset + size <= start) continue;
      const key = segmentKey(name);
      const source = new S3Source({ bucket, key, path, opened: await this.#told('reading', bucket.get(key)) });
      try {
        yield* source.read({ start: Math.max(0, start - offset), end: size });
      } finally {
        await source.close();
      }
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const writing = this.#startWriting();
    for (const chunk of chunks) this.#written += chunk.length;
    await this.#told('writing', writing.writer.write(chunks));
  }

  async keep(): Promise<void> {
    await this.#keepWritten();
    this.#letGo();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    await this.#writing?.writer.abort();
    this.#letGo();
  }

  async publish(path: string): Promise<void> {
    const { bucket, buffers, config, keyOf, segmentKey } = this.#options;
    await this.#keepWritten();
    const pieces = this.#chain.map(({ name, size }) => ({ key: segmentKey(name), size }));
    const composing = composeObject({ bucket, buffers, limits: config.copy, pieces, to: keyOf(path) });
    await this.#told('composing', composing);
    this.#letGo();
  }

  get #kept(): number {
    const last = this.#chain.at(-1);
    return last ? last.offset + last.size : 0;
  }

  #startWriting() {
    const { segmentKey, config, ...parts } = this.#options;
    if (!this.#writing) {
      const name = createSegmentName(this.version, this.#kept);
      const writer = new S3SegmentWriter({ ...parts, chunkBytes: config.chunkBytes, key: segmentKey(name) });
      this.#writing = { name, writer };
    }
    return this.#writing;
  }

  /** It is seen from here on, as the next piece of what is there. */
  async #keepWritten(): Promise<void> {
    const { path, readChain } = this.#options;
    const writing = this.#writing;
    if (!writing || this.#written === 0) return;
    // Somebody else was faster. Who comes between this and the next line makes a way of his own.
    if (headOf(await readChain()) !== this.version) throw new StagedFileHeldError(path);
    await this.#told('writing', writing.writer.finish());
    const segment = parseSegment(writing.name, this.#written) as Segment;
    this.#chain = [...this.#chain, segment];
    this.#writing = undefined;
    this.#written = 0;
  }

  #letGo(): void {
    this.#isHeld = false;
    this.#options.onLetGo();
  }

  async #told<T>(doing: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (err) {
      throw toStorageError(err, `${doing} ${this.#options.path}`);
    }
  }
}

function headOf(chain: readonly Segment[]): string {
  return chain.at(-1)?.id ?? NO_SEGMENT;
}
