import { ImageError } from '../images/image-error.ts';
import type { LayoutFiles } from '../images/layout-files.ts';
import { MAX_METADATA_BYTES, SUMS_PATH } from './paths.ts';

/** The files of several volumes, as if they were in one directory. */
export class JoinedFiles implements LayoutFiles {
  readonly name: string;
  readonly #parts: readonly LayoutFiles[];

  private constructor(parts: readonly [LayoutFiles, ...LayoutFiles[]]) {
    this.name = parts[0].name;
    this.#parts = parts;
  }

  /** @throws {ImageError} for volumes of different bundles */
  static async of(parts: readonly [LayoutFiles, ...LayoutFiles[]]): Promise<JoinedFiles> {
    const [first, ...others] = parts;
    const sums = await first.read(SUMS_PATH, MAX_METADATA_BYTES);
    for (const other of others) {
      if (!(await other.read(SUMS_PATH, MAX_METADATA_BYTES)).equals(sums))
        throw new ImageError(`${other.name}: is not of the same bundle as ${first.name}`);
    }
    return new JoinedFiles(parts);
  }

  async size(path: string): Promise<number | undefined> {
    return (await this.#partWith(path))?.size(path);
  }

  async read(path: string, limit: number): Promise<Buffer> {
    return ((await this.#partWith(path)) ?? this.#first).read(path, limit);
  }

  async *open(path: string, start: number): AsyncGenerator<Uint8Array> {
    yield* ((await this.#partWith(path)) ?? this.#first).open(path, start);
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.close()));
  }

  get #first(): LayoutFiles {
    const [first] = this.#parts;
    if (!first) throw new Error('no volumes');
    return first;
  }

  async #partWith(path: string): Promise<LayoutFiles | undefined> {
    for (const part of this.#parts) {
      if ((await part.size(path)) !== undefined) return part;
    }
    return undefined;
  }
}
