import type { BlobStore } from '../content/blobs.ts';
import { OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { MountedBlob, MountSource } from '../registry/registry.ts';

/** Repositories that are looked into for a mount that names none. */
const MAX_LOOKED_INTO = 32;

export interface BlobMountsOptions {
  readonly blobs: Pick<BlobStore, 'mount'>;
  /** Repositories that have a blob, as far as is known. */
  readonly holders: (digest: Digest) => Promise<readonly string[]>;
}

/** Makes blobs of one repository part of another. */
export class BlobMounts {
  readonly #options: BlobMountsOptions;

  constructor(options: BlobMountsOptions) {
    this.#options = options;
  }

  /** @returns undefined when the client may not have it from there, or it is not there */
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
    return (await this.#options.holders(digest)).slice(0, MAX_LOOKED_INTO);
  }
}
