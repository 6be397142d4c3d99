import type { Digest } from '../oci/digest.ts';
import type { TagReader } from './pins.ts';

export type TagsByDigest = ReadonlyMap<Digest, readonly string[]>;

interface Reading {
  readonly tags: Promise<TagsByDigest>;
  isDone: boolean;
}

/** How long the tags read for one page are used for the next pages. Milliseconds. */
const PAGES_MS = 30_000;

/** The tags of digests. Finding them requires reading all tags of a repository, which is done once for lists at the same time. */
export class TagReadings {
  readonly #reader: TagReader;
  /** By repository. */
  readonly #readings = new Map<string, Reading>();

  constructor(reader: TagReader) {
    this.#reader = reader;
  }

  /** @param options.isNextPage the page continues a previous one, and shows the tags that were read for that */
  of(repository: string, { isNextPage }: { readonly isNextPage: boolean }): Promise<TagsByDigest> {
    const known = this.#readings.get(repository);
    if (known && (isNextPage || !known.isDone)) return known.tags;
    const reading: Reading = { tags: this.#read(repository), isDone: false };
    this.#readings.set(repository, reading);
    void this.#keepForPages(repository, reading);
    return reading.tags;
  }

  async #keepForPages(repository: string, reading: Reading): Promise<void> {
    const isRead = await reading.tags.then(Boolean, () => false);
    reading.isDone = true;
    const forget = () => {
      if (this.#readings.get(repository) === reading) this.#readings.delete(repository);
    };
    if (isRead) setTimeout(forget, PAGES_MS).unref();
    else forget();
  }

  async #read(repository: string): Promise<TagsByDigest> {
    const byDigest = new Map<Digest, string[]>();
    for (const { tag, digest } of await this.#reader.all(repository)) {
      const tags = byDigest.get(digest);
      if (tags) tags.push(tag);
      else byDigest.set(digest, [tag]);
    }
    return byDigest;
  }
}
