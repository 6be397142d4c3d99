import { PathNotFoundError } from '../driver.ts';
import { MIN_PART_BYTES } from './compose.ts';
import { toStorageError } from './errors.ts';
import { longestChain, parseSegment, type Segment } from './segments.ts';
import { S3StagedFile, type S3StagingParts } from './staged-file.ts';
import { type StagedFile, StagedFileHeldError, type StagingArea } from '../staging.ts';

const NAME = 's3';
const SEGMENTS = 'segments';

/**
 * Objects cannot grow, and S3 has no locks. So every hold adds a segment, a separate object whose name contains its
 * predecessor. Two processes that append to the same file at once create two chains of segments, of which one counts.
 */
export class S3Staging implements StagingArea {
  readonly minChunkBytes = MIN_PART_BYTES;
  readonly isRemote = true;
  readonly #parts: S3StagingParts;
  /** Paths of the files that this process holds. */
  readonly #held = new Set<string>();

  constructor(parts: S3StagingParts) {
    this.#parts = parts;
  }

  async create(path: string): Promise<void> {
    const { bucket, keyOf } = this.#parts;
    await translated(`writing ${path}`, bucket.put(keyOf(path), new Uint8Array()));
  }

  async size(path: string): Promise<number> {
    const last = (await this.#chain(path)).at(-1);
    return last ? last.offset + last.size : 0;
  }

  async hold(path: string): Promise<StagedFile> {
    if (this.#held.has(path)) throw new StagedFileHeldError(path);
    this.#held.add(path);
    try {
      return new S3StagedFile({
        ...this.#parts,
        path,
        chain: await this.#chain(path),
        segmentKey: (name) => `${this.#prefix(path)}${SEGMENTS}/${name}`,
        readChain: () => this.#chain(path),
        onRelease: () => this.#held.delete(path),
      });
    } catch (err) {
      this.#held.delete(path);
      throw err;
    }
  }

  /** @throws {PathNotFoundError} */
  async #chain(path: string): Promise<readonly Segment[]> {
    const { keyOf } = this.#parts;
    const [fileKey, prefix] = [keyOf(path), this.#prefix(path)];
    const segments: Segment[] = [];
    let exists = false;
    for await (const { key, size } of this.#objects(prefix, path)) {
      if (key === fileKey) exists = true;
      if (!key.startsWith(`${prefix}${SEGMENTS}/`)) continue;
      const segment = parseSegment(key.slice(`${prefix}${SEGMENTS}/`.length), size);
      if (segment) segments.push(segment);
    }
    if (!exists) throw new PathNotFoundError(NAME, path);
    return longestChain(segments);
  }

  async *#objects(prefix: string, path: string): AsyncGenerator<{ readonly key: string; readonly size: number }> {
    let continuation: string | undefined;
    do {
      const page = await translated(`listing ${path}`, this.#parts.bucket.list(prefix, { continuation }));
      for (const { Key: key, Size: size } of page.Contents ?? []) {
        if (key !== undefined && size !== undefined) yield { key, size };
      }
      continuation = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (continuation !== undefined);
  }

  #prefix(path: string): string {
    const key = this.#parts.keyOf(path);
    return key.slice(0, key.lastIndexOf('/') + 1);
  }
}

async function translated<T>(operation: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (err) {
    throw toStorageError(err, operation);
  }
}
