import pLimit from 'p-limit';

import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { DigestLocks } from './digest-locks.ts';
import { type LinkStore, orUndefined } from './links.ts';
import {
  isTagName,
  manifestsPath,
  tagDirectory,
  tagIndexDirectory,
  tagIndexLinkPath,
  tagLinkPath,
  tagsPath,
} from './paths.ts';

const MAX_CONCURRENT_READS = 16;
/** Links read before others have their turn. */
const BATCH = 256;

export interface FoundTag {
  readonly digest: Digest;
  /** When the tag was last put, whether that changed it or not. */
  readonly checkedAt: Date;
}

export interface TagStoreOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
}

/** Names for manifests, each with the history of what it named. */
export class TagStore {
  readonly #options: TagStoreOptions;
  /** Whoever changes a tag does so alone: one that was just moved is not deleted for what it named before. */
  readonly #locks = new DigestLocks<string>();
  /** Of all lists together: a long one leaves the others their turn. */
  readonly #reading = pLimit(MAX_CONCURRENT_READS);

  constructor(options: TagStoreOptions) {
    this.#options = options;
  }

  /** Does not say that the manifest is there. */
  async find(repository: string, tag: string): Promise<FoundTag | undefined> {
    const { driver, links } = this.#options;
    const path = tagLinkPath(repository, tag);
    // The time first: should the tag be put meanwhile, the new digest looks old, not the old one new.
    const info = await orUndefined(driver.stat(path));
    const digest = info && (await links.find(path));
    return info && digest && { digest, checkedAt: info.modifiedAt };
  }

  /** {@link FoundTag.checkedAt} is now, afterwards. */
  put(repository: string, tag: string, digest: Digest): Promise<void> {
    const { links } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      await links.putIfChanged(tagIndexLinkPath(repository, tag, digest), digest);
      await links.put(tagLinkPath(repository, tag), digest);
    });
  }

  /** @returns whether there was one */
  delete(repository: string, tag: string): Promise<boolean> {
    const { driver } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      const isThere = await this.isThere(repository, tag);
      if (isThere) await driver.delete(tagDirectory(repository, tag));
      return isThere;
    });
  }

  /** Whether there is a link, damaged or not. */
  async isThere(repository: string, tag: string): Promise<boolean> {
    return (await orUndefined(this.#options.driver.stat(tagLinkPath(repository, tag)))) !== undefined;
  }

  /** Every tag with what it names. */
  async all(repository: string): Promise<{ readonly tag: string; readonly digest: Digest }[]> {
    const names = (await this.#names(repository)) ?? [];
    const found: { tag: string; digest: Digest }[] = [];
    for await (const batch of this.#read(repository, names, BATCH)) found.push(...batch);
    return found;
  }

  /** Removes the tags that name the manifest, and the manifest from the history of others. @returns the tags removed */
  async forget(repository: string, digest: Digest): Promise<string[]> {
    const tags = (await this.#names(repository)) ?? [];
    const forgotten = await pLimit(MAX_CONCURRENT_READS).map(tags, (tag) => this.#forgetIn(repository, tag, digest));
    return tags.filter((_, i) => forgotten[i]);
  }

  /** @returns whether the tag named it */
  #forgetIn(repository: string, tag: string, digest: Digest): Promise<boolean> {
    const { driver, links } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      const isCurrent = (await links.find(tagLinkPath(repository, tag))) === digest;
      await driver.delete(isCurrent ? tagDirectory(repository, tag) : tagIndexDirectory(repository, tag, digest));
      return isCurrent;
    });
  }

  /** In code point order, as distribution does; reads no more links than the page needs. Undefined when there is no such repository. */
  async list(repository: string, { n = Infinity, last }: PageRequest = {}): Promise<Page<string> | undefined> {
    const names = await this.#names(repository);
    if (!names) return undefined;
    const rest = last === undefined ? names : names.slice(countUntil(names, last));
    const entries: string[] = [];
    for await (const batch of this.#read(repository, rest, Math.min(n + 1, BATCH))) {
      for (const { tag } of batch) {
        const lastShown = entries.at(-1);
        if (entries.length === n)
          return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
        entries.push(tag);
      }
    }
    return { entries, next: undefined };
  }

  /** What may be tags; undefined when there is no such repository. */
  async #names(repository: string): Promise<readonly string[] | undefined> {
    const { driver } = this.#options;
    const entries = await orUndefined(driver.list(tagsPath(repository)));
    return entries?.filter(isTagName) ?? ((await orUndefined(driver.stat(manifestsPath(repository)))) && []);
  }

  /** Those of the names that are tags, batch by batch. */
  async *#read(repository: string, names: readonly string[], batchSize: number) {
    const { links } = this.#options;
    for (let start = 0; start < names.length; start += batchSize) {
      const batch = names.slice(start, start + batchSize);
      const digests = await this.#reading.map(batch, (tag) => links.find(tagLinkPath(repository, tag)));
      yield batch.flatMap((tag, i) => (digests[i] ? [{ tag, digest: digests[i] }] : []));
    }
  }
}

/** How many of the sorted names are not after `last`. */
function countUntil(names: readonly string[], last: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}
