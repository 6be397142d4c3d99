import type { S3Bucket } from './bucket.ts';
import { composeObject } from './compose.ts';
import { toStorageError } from './errors.ts';
import type { S3Settings } from './options.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';
import { S3SegmentWriter } from './segment-writer.ts';
import { createSegmentName, NO_SEGMENT, parseSegment, type Segment } from './segments.ts';
import { createS3Source } from './source.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';

export interface S3StagingParts {
  readonly bucket: S3Bucket;
  readonly settings: Pick<S3Settings, 'chunkBytes' | 'copy'>;
  readonly buffers: PartBuffers;
  readonly running: Set<string>;
  /** @throws {InvalidPathError} */
  readonly keyOf: (path: string) => string;
}

export interface S3StagedFileOptions extends S3StagingParts {
  readonly path: string;
  readonly chain: readonly Segment[];
  readonly segmentKey: (name: string) => string;
  /** Reads the present chain from the store. */
  readonly readChain: () => Promise<readonly Segment[]>;
  readonly onRelease: () => void;
}

/** A held file in {@link S3Staging}. The bytes written during a hold become one segment. */
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
      const source = createS3Source({ bucket, key, path, opened: await this.#translated('reading', bucket.get(key)) });
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
    await this.#translated('writing', writing.writer.write(chunks));
  }

  async keep(): Promise<void> {
    await this.#keepWritten();
    this.#end();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    await this.#writing?.writer.abort();
    this.#end();
  }

  async publish(path: string): Promise<void> {
    const { bucket, buffers, settings, keyOf, segmentKey } = this.#options;
    await this.#keepWritten();
    const sources = this.#chain.map(({ name, size }) => ({ key: segmentKey(name), size }));
    const composing = composeObject({ bucket, buffers, limits: settings.copy, sources, to: keyOf(path) });
    await this.#translated('composing', composing);
    this.#end();
  }

  get #kept(): number {
    const last = this.#chain.at(-1);
    return last ? last.offset + last.size : 0;
  }

  #startWriting() {
    const { segmentKey, settings, ...parts } = this.#options;
    if (!this.#writing) {
      const name = createSegmentName(this.version, this.#kept);
      const writer = new S3SegmentWriter({
        ...parts,
        chunkBytes: settings.chunkBytes,
        uniformParts: settings.copy.uniformParts,
        key: segmentKey(name),
      });
      this.#writing = { name, writer };
    }
    return this.#writing;
  }

  /** Makes the written bytes visible, as the next segment of the chain. */
  async #keepWritten(): Promise<void> {
    const { path, readChain } = this.#options;
    const writing = this.#writing;
    if (!writing || this.#written === 0) return;
    // Another writer was faster. One that appends between this check and the next line starts a separate chain.
    if (headOf(await readChain()) !== this.version) throw new StagedFileHeldError(path);
    await this.#translated('writing', writing.writer.finish());
    const segment = parseSegment(writing.name, this.#written) as Segment;
    this.#chain = [...this.#chain, segment];
    this.#writing = undefined;
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
      throw toStorageError(err, `${operation} ${this.#options.path}`);
    }
  }
}

function headOf(chain: readonly Segment[]): string {
  return chain.at(-1)?.id ?? NO_SEGMENT;
}
