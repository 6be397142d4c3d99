import { InmemoryFile } from './file.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';

/** The driver's files, as {@link InmemoryStaging} uses them. */
export interface InmemoryFiles {
  /** @throws {PathNotFoundError} */
  get(path: string): InmemoryFile;
  put(path: string, file: InmemoryFile): void;
  remove(path: string): void;
}

export class InmemoryStaging implements StagingArea {
  readonly minChunkBytes = 0;
  readonly isRemote = false;
  readonly #files: InmemoryFiles;
  readonly #held = new Set<string>();

  constructor(files: InmemoryFiles) {
    this.#files = files;
  }

  async create(path: string): Promise<void> {
    this.#files.put(path, new InmemoryFile([]));
  }

  async size(path: string): Promise<number> {
    return this.#files.get(path).size;
  }

  async hold(path: string): Promise<StagedFile> {
    const kept = this.#files.get(path);
    if (this.#held.has(path)) throw new StagedFileHeldError(path);
    this.#held.add(path);
    return new InmemoryStagedFile(kept, { path, files: this.#files, onRelease: () => this.#held.delete(path) });
  }
}

interface InmemoryStagedFileOptions {
  readonly path: string;
  readonly files: InmemoryFiles;
  readonly onRelease: () => void;
}

class InmemoryStagedFile implements StagedFile {
  readonly #options: InmemoryStagedFileOptions;
  readonly #chunks: Buffer[];
  #kept: number;
  #size: number;
  #isHeld = true;

  constructor(kept: InmemoryFile, options: InmemoryStagedFileOptions) {
    this.#options = options;
    this.#chunks = [...kept.chunks];
    this.#kept = kept.size;
    this.#size = kept.size;
  }

  get size(): number {
    return this.#size;
  }

  get version(): string {
    return String(this.#kept);
  }

  startsWith(version: string): boolean {
    return Number(version) <= this.#kept;
  }

  async *read(start: number): AsyncGenerator<Uint8Array> {
    let position = 0;
    for (const chunk of this.#chunks) {
      const end = Math.min(position + chunk.length, this.#kept);
      if (end > start) yield chunk.subarray(Math.max(0, start - position), end - position);
      position += chunk.length;
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(chunks);
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }

  async keep(): Promise<void> {
    const { path, files } = this.#options;
    files.get(path);
    files.put(path, new InmemoryFile(this.#chunks));
    this.#kept = this.#size;
    this.#end();
  }

  async release(): Promise<void> {
    this.#end();
  }

  async publish(path: string): Promise<void> {
    const { path: from, files } = this.#options;
    files.get(from);
    files.put(path, new InmemoryFile(this.#chunks));
    files.remove(from);
    this.#end();
  }

  #end(): void {
    if (this.#isHeld) this.#options.onRelease();
    this.#isHeld = false;
  }
}
