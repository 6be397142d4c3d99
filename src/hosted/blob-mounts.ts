import type { BlobStore } from '../content/blobs.ts';
import { OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { MountedBlob, MountSource } from '../registry/registry.ts';

/** Repositories that are tried for a mount without a source. */
const MAX_CANDIDATES = 32;

/** The part of a content store that mounts need. */
export interface MountableStore {
  readonly blobs: Pick<BlobStore, 'mount'>;
}

export interface BlobMountsOptions extends MountableStore {
  /** Stored names of repositories that are known to have a blob. */
  readonly holders: (digest: Digest, limit: number) => Promise<readonly string[]>;
}

/** Makes blobs of one repository available in another. */
export class BlobMounts {
  readonly #options: BlobMountsOptions;

  constructor(options: BlobMountsOptions) {
    this.#options = options;
  }

  /** @returns undefined when the source does not have the blob, or the client may not pull from it */
  async mount(repository: string, digest: Digest, { from, mayPull }: MountSource): Promise<MountedBlob | undefined> {
    const { blobs } = this.#options;
    for (const holder of await this.#candidates(digest, from)) {
      if (!mayPull(holder)) continue;
      const size = await blobs.mount(repository, digest, holder);
      if (size !== undefined) return { digest, size, mediaType: OCTET_STREAM, from: holder };
    }
    return undefined;
  }

  async #candidates(digest: Digest, from: string | undefined): Promise<readonly string[]> {
    if (from !== undefined) return [from];
    return this.#options.holders(digest, MAX_CANDIDATES);
  }
}
