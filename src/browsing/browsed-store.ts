import type { ManifestReading } from '../oci/manifest.ts';
import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import type { ByteSource } from '../stream/byte-source.ts';

/** The part of a content store that is shown to people. */
export interface BrowsedStore {
  readonly tags: {
    find(repository: string, tag: string): Promise<{ readonly digest: Digest; readonly checkedAt: Date } | undefined>;
    list(repository: string, page: PageRequest): Promise<Page<string> | undefined>;
    count(repository: string, max: number): Promise<number>;
    all(repository: string): Promise<readonly { readonly tag: string; readonly digest: Digest }[]>;
  };
  readonly manifests: {
    read(repository: string, digest: Digest): Promise<BrowsedManifest | undefined>;
  };
  readonly repositories: {
    isLinked(repository: string, content: { readonly digest: Digest; readonly kind: 'manifest' }): Promise<boolean>;
  };
  readonly referrers: {
    list(repository: string, subject: Digest, query: ReferrersQuery): Promise<ReferrersPage>;
  };
  readonly blobs: {
    open(repository: string, digest: Digest): Promise<ByteSource | undefined>;
  };
}

export interface BrowsedManifest {
  readonly stored: { readonly bytes: Buffer; readonly mediaType: string };
  readonly reading: ManifestReading;
}

/** Whose a stored name is. */
export interface NameOwner {
  /** Absent for hosted content, and of an upstream that is not configured any more. */
  readonly upstream: string | undefined;
  readonly hosted: boolean;
}
