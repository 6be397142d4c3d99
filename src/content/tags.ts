import pLimit from 'p-limit';

import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { StorageDriver } from '../storage/driver.ts';
import type { ContentWriter } from './content-writer.ts';
import { DigestLocks } from './digest-locks.ts';
import { forEach } from './for-each.ts';
import { type LinkStore, orUndefined } from './links.ts';
import { namesAfter } from './names-after.ts';
import {
  blobDataPath,
  isTagName,
  manifestsPath,
  revisionLinkPath,
  tagDirectory,
  tagIndexDirectory,
  tagIndexLinkPath,
  tagLinkPath,
  tagsPath,
} from './paths.ts';

const MAX_CONCURRENT_READS = 16;
/** Links that are read before other work runs. */
const BATCH = 256;

export interface FoundTag {
  readonly digest: Digest;
  /** When the tag was last put, whether that changed it or not. */
  readonly checkedAt: Date;
}

export interface TagStoreOptions {
  readonly driver: StorageDriver;
  readonly links: LinkStore;
  /** For tags of upstreams. */
  readonly replaceable: ContentWriter;
}

/** Tags of repositories, each with the history of its digests. */
export class TagStore {
  readonly #options: TagStoreOptions;
  /** Changes of a tag exclude each other, so that a moved tag is not deleted because of its previous digest. */
  readonly #locks = new DigestLocks<string>();
  /** Limits the reads of all lists together, so that a long list does not delay the others. */
  readonly #reading = pLimit(MAX_CONCURRENT_READS);

  constructor(options: TagStoreOptions) {
    this.#options = options;
  }

  /** The manifest may be missing. */
  async find(repository: string, tag: string): Promise<FoundTag | undefined> {
    const { driver, links } = this.#options;
    const path = tagLinkPath(repository, tag);
    // Time before link: when the tag is written in between, the new digest looks old, not the old one new.
    const info = await orUndefined(driver.stat(path));
    const digest = info && (await links.find(path));
    return info && digest && { digest, checkedAt: info.modifiedAt };
  }

  /**
   * Also sets {@link FoundTag.checkedAt} to now.
   *
   * @param writer absent for a tag of an upstream
   */
  put(repository: string, tag: string, digest: Digest, writer = this.#options.replaceable): Promise<void> {
    const { links } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      await links.putIfChanged(tagIndexLinkPath(repository, tag, digest), digest, writer);
      const target = [blobDataPath(digest), revisionLinkPath(repository, digest)];
      await links.move(tagLinkPath(repository, tag), digest, { target, writer });
    });
  }

  /** Starts to write a tag that {@link put} will be called for. */
  prepare(repository: string, tag: string, digest: Digest, writer: ContentWriter): void {
    for (const path of [tagIndexLinkPath(repository, tag, digest), tagLinkPath(repository, tag)])
      writer.prepare(path, Buffer.from(digest));
  }

  /** The manifest stays. @returns whether there was such a tag */
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

  /** Every tag with its digest. */
  async all(repository: string): Promise<{ readonly tag: string; readonly digest: Digest }[]> {
    const names = await this.#names(repository);
    const found: { tag: string; digest: Digest }[] = [];
    for await (const batch of this.#read(repository, names, BATCH)) found.push(...batch);
    return found;
  }

  /** Removes the tags that point to the manifest, and the manifest from the history of other tags. @returns the removed tags */
  async forget(repository: string, digest: Digest): Promise<string[]> {
    const { links } = this.#options;
    const removed: string[] = [];
    const forgetIn = async (tag: string) => {
      // A tag that points to the manifest has it in its history. Most do not, and are looked at without their locks.
      if (!isTagName(tag) || !(await links.exists(tagIndexLinkPath(repository, tag, digest)))) return;
      if (await this.#forgetIn(repository, tag, digest)) removed.push(tag);
    };
    await forEach(await this.#names(repository), forgetIn, { concurrency: MAX_CONCURRENT_READS });
    return removed.sort();
  }

  /** @returns whether the tag pointed to it */
  #forgetIn(repository: string, tag: string, digest: Digest): Promise<boolean> {
    const { driver, links } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      const isCurrent = (await links.find(tagLinkPath(repository, tag))) === digest;
      await driver.delete(isCurrent ? tagDirectory(repository, tag) : tagIndexDirectory(repository, tag, digest));
      return isCurrent;
    });
  }

  /** In code point order, like distribution. Reads no more links than the page needs. Undefined when there is no such repository. */
  async list(repository: string, { n = Infinity, last = '' }: PageRequest = {}): Promise<Page<string> | undefined> {
    const { driver } = this.#options;
    const entries: string[] = [];
    for await (const names of namesAfter(driver, tagsPath(repository), { after: last, about: n + 1 })) {
      for await (const batch of this.#read(repository, names, Math.min(n + 1, BATCH))) {
        for (const { tag } of batch) {
          const lastShown = entries.at(-1);
          if (entries.length === n)
            return { entries, next: lastShown === undefined ? undefined : { n, last: lastShown } };
          entries.push(tag);
        }
      }
    }
    const isThere = entries.length > 0 || (await orUndefined(driver.stat(manifestsPath(repository))));
    return isThere ? { entries, next: undefined } : undefined;
  }

  /** How many tags there are, judging by their directories. Lists no more than are counted, where the storage can. */
  async count(repository: string, max: number): Promise<number> {
    let count = 0;
    for await (const names of namesAfter(this.#options.driver, tagsPath(repository), { after: '', about: max })) {
      count += names.filter(isTagName).length;
      if (count >= max) return max;
    }
    return count;
  }

  /** Sorted names, of which those that are not {@link isTagName tag names} are no tags. */
  async #names(repository: string): Promise<readonly string[]> {
    return (await orUndefined(this.#options.driver.list(tagsPath(repository)))) ?? [];
  }

  /** The names that are tags, batch by batch. */
  async *#read(repository: string, names: readonly string[], batchSize: number) {
    const { links } = this.#options;
    for (let start = 0; start < names.length; start += batchSize) {
      const batch = names.slice(start, start + batchSize).filter(isTagName);
      const digests = await this.#reading.map(batch, (tag) => links.find(tagLinkPath(repository, tag)));
      yield batch.flatMap((tag, i) => (digests[i] ? [{ tag, digest: digests[i] }] : []));
    }
  }
}
