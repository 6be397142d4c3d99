import type { BufferPool } from '../../stream/buffer-pool.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';
import type { BlobInfo, RadosBlobs } from './blobs.ts';
import type { RadosDirectories } from './directories.ts';
import type { ObjectLock } from './object-lock.ts';
import type { RadosPool } from './pool.ts';
import { isCode, translated } from './rados-error.ts';
import { RadosSource } from './source.ts';
import type { StagedChunks } from './staged-chunks.ts';

/** Parts of the driver that staged files use. */
export interface RadosStagingParts {
  readonly pool: RadosPool;
  readonly directories: RadosDirectories;
  readonly blobs: RadosBlobs;
  readonly buffers: BufferPool;
  /** Makes a blob the content of a path, and removes the blob that was there. */
  readonly link: (path: string, id: string) => Promise<void>;
}

export interface RadosStagedFileOptions extends RadosStagingParts {
  readonly path: string;
  readonly blob: BlobInfo;
  readonly chunks: StagedChunks;
  readonly lock: ObjectLock;
}

/** A staged file of this process, until its hold ends. */
export class RadosStagedFile implements StagedFile {
  readonly #options: RadosStagedFileOptions;
  #isHeld = true;

  constructor(options: RadosStagedFileOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.chunks.size;
  }

  /** Kept bytes do not change, and a file that is created again is another blob. */
  get version(): string {
    return versionOf(this.#options.blob.id, this.#options.chunks.kept);
  }

  startsWith(version: string): boolean {
    const size = Number(version.slice(version.lastIndexOf('-') + 1));
    return size <= this.#options.chunks.kept && version === versionOf(this.#options.blob.id, size);
  }

  async *read(start: number): AsyncGenerator<Uint8Array> {
    const { blobs, blob, path, buffers, chunks } = this.#options;
    const now = (await translated({ doing: 'reading', path, isWrite: false }, blobs.find(blob.id))) ?? blob;
    const source = new RadosSource({ blobs, blob: now, path, buffers, onClose: () => {} });
    try {
      yield* source.read({ start, end: chunks.kept });
    } finally {
      await source.close();
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#assertHeld();
    const { chunks: staged } = this.#options;
    const [first] = chunks;
    await this.#translated(staged.append(chunks.length === 1 && first ? first : Buffer.concat(chunks)));
  }

  async keep(): Promise<void> {
    this.#assertHeld();
    await this.#translated(this.#options.chunks.keep());
    await this.#end();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    await this.#options.chunks.discard().catch(() => {});
    await this.#options.lock.release();
  }

  async publish(path: string): Promise<void> {
    this.#assertHeld();
    const { chunks, blob, directories, link, path: from } = this.#options;
    await this.#translated(chunks.keep(path));
    await translated({ doing: 'writing', path, isWrite: true }, link(path, blob.id));
    await this.#translated(directories.unlink(from, blob.id));
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#isHeld = false;
    await this.#options.lock.release();
  }

  #assertHeld(): void {
    if (!this.#isHeld) throw new Error(`${this.#options.path} is not held any more`);
    if (this.#options.lock.isLost) throw new StagedFileHeldError(this.#options.path);
  }

  async #translated<T>(work: Promise<T>): Promise<T> {
    const { path } = this.#options;
    const guarded = work.catch((err: unknown) => {
      throw isCode(err, 'ECANCELED', 'ENOENT') ? new StagedFileHeldError(path) : err;
    });
    return await translated({ doing: 'writing', path, isWrite: true }, guarded);
  }
}

function versionOf(id: string, size: number): string {
  return `${id.slice(id.indexOf(':') + 1)}-${size}`;
}
