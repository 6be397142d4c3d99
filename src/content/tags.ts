import pLimit from 'p-limit';

import type { Digest } from '../oci/digest.ts';
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
    const { driver, links } = this.#options;
    return this.#locks.run(`${repository}:${tag}`, async () => {
      const digest = await links.find(tagLinkPath(repository, tag));
      if (digest !== undefined) await driver.delete(tagDirectory(repository, tag));
      return digest !== undefined;
    });
  }

  /** Every tag with what it names. */
  async all(repository: string): Promise<{ readonly tag: string; readonly digest: Digest }[]> {
    const { links } = this.#options;
    const tags = (await this.list(repository)) ?? [];
    const digests = await pLimit(MAX_CONCURRENT_READS).map(tags, (tag) => links.find(tagLinkPath(repository, tag)));
    return tags.flatMap((tag, i) => (digests[i] ? [{ tag, digest: digests[i] }] : []));
  }

  /** Removes the tags that name the manifest, and the manifest from the history of others. @returns the tags removed */
  async forget(repository: string, digest: Digest): Promise<string[]> {
    const tags = (await this.list(repository)) ?? [];
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

  /** In code point order, as distribution does; undefined when there is no such repository. */
  async list(repository: string): Promise<string[] | undefined> {
    const { driver, links } = this.#options;
    const entries = await orUndefined(driver.list(tagsPath(repository)));
    if (!entries) return (await orUndefined(driver.stat(manifestsPath(repository)))) && [];
    const names = entries.filter(isTagName);
    const limit = pLimit(MAX_CONCURRENT_READS);
    const digests = await limit.map(names, (name) => links.find(tagLinkPath(repository, name)));
    return names.filter((_, i) => digests[i] !== undefined);
  }
}
