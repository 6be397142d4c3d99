import pLimit from 'p-limit';

import type { Digest } from '../oci/digest.ts';
import { type ParsedManifest, parseManifest } from '../oci/manifest.ts';
import type { BlobStore } from './blobs.ts';
import type { StoredLink } from './inventory.ts';
import type { Linking } from './linking.ts';
import type { ManifestFiles } from './manifest-files.ts';
import type { ReferrerStore } from './referrers.ts';
import type { StoredBytes } from './stored-bytes.ts';
import type { TagStore } from './tags.ts';

/** Content that has to be in the repository before a manifest is. */
export interface Need {
  readonly digest: Digest;
  /** As any of these. */
  readonly kinds: readonly StoredLink['kind'][];
}

export interface PushedContent {
  readonly digest: Digest;
  /** Those of the digest, and a manifest. */
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly needs: readonly Need[];
  /** The bytes, if they have been parsed already. */
  readonly parsed?: ParsedManifest;
}

export interface ManifestPushOptions {
  readonly linking: Linking;
  readonly bytes: StoredBytes;
  readonly blobs: BlobStore;
  readonly manifests: ManifestFiles;
  readonly tags: TagStore;
  readonly referrers: ReferrerStore;
}

const MAX_CONCURRENT_LOOKS = 16;
/** Looked for before it is seen whether enough is missing. */
const BATCH = 128;
/** Whoever names more that is not there is not told all of it. */
const MAX_MISSING = 128;

/**
 * Manifests that clients push, with their tags.
 *
 * Everything that a manifest refers to is held from before it is looked for until the manifest is linked, and thereby refers to it. So whoever removes
 * content, and does it under its lock, does so before it is looked for, and the push is refused; or after, and finds that it is referred to.
 */
export class ManifestPush {
  readonly #options: ManifestPushOptions;

  constructor(options: ManifestPushOptions) {
    this.#options = options;
  }

  /** All of it, or nothing. @returns what is missing, or enough of it */
  put(repository: string, pushed: PushedContent): Promise<readonly Digest[]> {
    const { references, subject } = pushed.parsed ?? parseManifest(pushed.bytes);
    const parts = references.map((reference) => reference.digest);
    return this.#options.linking.locks.runSharing({ alone: [pushed.digest], shared: parts }, async () => {
      const missing = await this.#findMissing(repository, pushed.needs);
      const link = { repository, digest: pushed.digest, kind: 'manifest' as const, size: pushed.bytes.length, parts };
      if (missing.length > 0) return missing;
      await this.#options.linking.recorded(link, () =>
        this.#write(repository, pushed, { parts, subject: subject?.digest }),
      );
      return missing;
    });
  }

  /** In such an order that a crash leaves no link without what it leads to. */
  async #write(
    repository: string,
    { digest, bytes, tags }: PushedContent,
    { parts, subject }: { readonly parts: readonly Digest[]; readonly subject: Digest | undefined },
  ): Promise<void> {
    const { manifests, referrers, linking } = this.#options;
    const wasThere = await manifests.has(repository, digest);
    if (subject) await referrers.add(repository, subject, digest);
    await manifests.put(repository, digest, bytes);
    if (wasThere) await manifests.refreshLink(repository, digest);
    try {
      await linking.confirm(repository, [digest, ...parts]);
    } catch (err) {
      if (!wasThere) await manifests.deleteLink(repository, digest);
      throw err;
    }
    for (const tag of tags) await this.#options.tags.put(repository, tag, digest);
  }

  async #findMissing(repository: string, needs: readonly Need[]): Promise<Digest[]> {
    const missing: Digest[] = [];
    const limit = pLimit(MAX_CONCURRENT_LOOKS);
    for (let at = 0; at < needs.length && missing.length < MAX_MISSING; at += BATCH) {
      const batch = needs.slice(at, at + BATCH);
      const isThere = await limit.map(batch, (need) => this.#isThere(repository, need));
      missing.push(...batch.filter((_, i) => !isThere[i]).map(({ digest }) => digest));
    }
    return missing;
  }

  async #isThere(repository: string, { digest, kinds }: Need): Promise<boolean> {
    const { bytes, blobs, manifests } = this.#options;
    if (kinds.includes('manifest') && (await manifests.has(repository, digest))) return bytes.has(digest);
    return kinds.includes('blob') && (await blobs.stat(repository, digest)) !== undefined;
  }
}
