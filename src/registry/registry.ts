import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import type { Reference } from '../oci/reference.ts';
import type { UploadReference } from '../oci/write-request.ts';
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
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined;

  /** In code unit order. @throws {RegistryError} `NAME_UNKNOWN` and the others of {@link resolveManifest} */
  listTags(repository: string, page: PageRequest): Promise<Served<Page<string>>>;

  /** Empty when there are none. */
  listReferrers(repository: string, digest: Digest, query: ReferrersQuery): Promise<Served<ReferrersPage>>;
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

/** How a client asked for a blob. */
export interface RedirectRequest {
  readonly method: 'GET' | 'HEAD';
  /** IP address; undefined when it is not known, as on a unix socket. */
  readonly clientAddress: string | undefined;
}

export interface RedirectedBlob extends Descriptor {
  /** Good for a while, for whoever has it: not for logs. */
  readonly url: string;
}

export interface OpenBlob extends Descriptor {
  readonly source: ByteSource;
}

/** What a registry that takes content can be told. Names are those of the storage. */
export interface RegistryWriter {
  readonly uploads: UploadWriter;
  readonly manifests: ManifestWriter;
}

/**
 * Upload sessions: a blob is sent in one piece or in several, to whichever replica, and becomes part of the repository when it is finished.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export interface UploadWriter {
  /** Bytes that every piece but the last should have, for `OCI-Chunk-Min-Length`; 0: any. */
  readonly minChunkBytes: number;

  /** @throws {StorageFullError} */
  start(repository: string, algorithm: DigestAlgorithm): Promise<UploadSession>;

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` | `BLOB_UPLOAD_INVALID` when `state` is not ours or of another session */
  find(repository: string, upload: UploadReference): Promise<UploadSession>;

  /**
   * What the client sent before it hung up is kept, and it can go on from there.
   *
   * @throws {RegistryError} as {@link find}; `RANGE_INVALID` for a piece that does not come next (the session stays as it is);
   *   `SIZE_INVALID` for a body that is not as long as was said, or too long
   */
  append(repository: string, upload: UploadReference, body: UploadBody): Promise<UploadSession>;

  /**
   * The blob is in the repository afterwards, durably. The session ends in any case but that of a refused body.
   *
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID` when these are not the bytes of the digest
   */
  finish(
    repository: string,
    upload: UploadReference,
    last: UploadBody & { readonly digest: Digest },
  ): Promise<Descriptor>;

  /** @throws {RegistryError} as {@link find} */
  cancel(repository: string, upload: UploadReference): Promise<void>;

  /**
   * Makes a blob of another repository part of this one, without a byte sent.
   *
   * @param source.from stored name; undefined: any repository that `mayPull`
   * @returns undefined when there is no such blob to be had: the client sends it
   */
  mount(repository: string, digest: Digest, source: MountSource): Promise<MountedBlob | undefined>;
}

export interface UploadSession {
  readonly id: string;
  /** Bytes that are kept. */
  readonly size: number;
  /** Goes into the session's URL, so that any replica can go on; signed. */
  readonly state: string;
}

export interface UploadBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Where the first of them belongs, if the client says so (`Content-Range`). */
  readonly offset: number | undefined;
  /** How many there are, if the client says so. */
  readonly length: number | undefined;
}

export interface MountSource {
  readonly from: string | undefined;
  readonly mayPull: (repository: string) => boolean;
}

export interface MountedBlob extends Descriptor {
  readonly from: string;
}

export interface ManifestWriter {
  /**
   * Byte-exact, and all at once: the manifest is in the repository, and each of its tags names it, when this resolves.
   *
   * @throws {RegistryError} `MANIFEST_INVALID` | `MANIFEST_BLOB_UNKNOWN` with one error for each that is missing | `DIGEST_INVALID` |
   *   `DENIED` by `policy`
   */
  put(repository: string, manifest: PushedManifest): Promise<ManifestPut>;

  /**
   * By digest, with all tags that name it; or a tag alone. The bytes stay until they are collected.
   *
   * @returns the tags that are gone
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `UNSUPPORTED` when nothing may be deleted
   */
  delete(repository: string, reference: Reference): Promise<readonly string[]>;

  /** The bytes stay until they are collected. @throws {RegistryError} `BLOB_UNKNOWN` | `UNSUPPORTED` */
  deleteBlob(repository: string, digest: Digest): Promise<void>;
}

export interface PushedManifest {
  readonly bytes: Buffer;
  /** Of the `Content-Type`, without parameters; undefined when there is none. */
  readonly mediaType: string | undefined;
  /** What the client calls it. */
  readonly reference: Reference;
  readonly tags: readonly string[];
}

export interface ManifestPut extends Descriptor {
  /** For `OCI-Subject`. */
  readonly subject: Digest | undefined;
  readonly references: readonly Descriptor[];
}
