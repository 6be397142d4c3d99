import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import type { ByteSource } from '../stream/byte-source.ts';

/**
 * Where an answer came from; the same words in logs, metrics and `X-Cache`.
 *
 * - `HIT` from storage, asked upstream or not · `MISS` this request started a fill · `FILL` it joined one
 * - `STALE` cached, and the upstream could not be asked or said no · `BYPASS` from upstream, not kept
 */
export type Outcome = 'HIT' | 'MISS' | 'FILL' | 'STALE' | 'BYPASS';

/** What a registry can be asked for: hosted content, an upstream's pulled through, or a registry built from others. */
export interface RegistryReader {
  /**
   * Which manifest a reference names. Never downloads one that the upstream can describe.
   *
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `NAME_UNKNOWN` | `DENIED` | `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  resolveManifest(repository: string, reference: Reference): Promise<Served<Descriptor>>;

  /** Byte-exact. @throws {RegistryError} as {@link resolveManifest} */
  getManifest(repository: string, reference: Reference): Promise<Served<Manifest>>;

  /** @throws {RegistryError} `BLOB_UNKNOWN` and the others of {@link resolveManifest} */
  resolveBlob(repository: string, digest: Digest): Promise<Served<Descriptor>>;

  /**
   * Opens a blob; resolves when its size is known, before its bytes are. The caller closes `source`.
   *
   * @throws {RegistryError} as {@link resolveBlob}
   */
  openBlob(repository: string, digest: Digest): Promise<Served<OpenBlob>>;

  /** Where a client can fetch a blob by itself; undefined, often at once, when it is to be asked for here. */
  redirectBlob(
    repository: string,
    digest: Digest,
    method: 'GET' | 'HEAD',
  ): Promise<Served<RedirectedBlob> | undefined> | undefined;

  /** In code unit order. @throws {RegistryError} `NAME_UNKNOWN` and the others of {@link resolveManifest} */
  listTags(repository: string, page: PageRequest): Promise<Served<Page<string>>>;

  /** Empty when there are none. */
  listReferrers(repository: string, digest: Digest): Promise<Served<{ readonly manifests: ManifestDescriptor[] }>>;
}

export type Served<T> = T & {
  readonly outcome: Outcome;
  /** Name of the upstream behind it, whether asked or not; undefined for hosted content. */
  readonly upstream: string | undefined;
  /** Milliseconds that the upstream was waited for; undefined when it was not asked. */
  readonly upstreamMs?: number;
};

export interface Manifest extends Descriptor {
  readonly bytes: Buffer;
}

export interface RedirectedBlob extends Descriptor {
  /** Good for a while, for whoever has it: not for logs. */
  readonly url: string;
}

export interface OpenBlob extends Descriptor {
  readonly source: ByteSource;
}
