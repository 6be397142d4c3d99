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

export interface CallOptions {
  /** Ends the call; work that other clients share continues. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A registry: hosted content, an upstream pulled through, a remote registry, or a registry made of another one
 * (restricted names, read-only, limits).
 *
 * An operation that a registry does not offer rejects with `UNSUPPORTED`.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export interface Registry extends RegistryReader, RegistryLister, RegistryWriter, RegistryDeleter {}

export interface RegistryReader {
  /**
   * The descriptor that a tag or digest refers to. Never downloads a manifest that the upstream can describe.
   *
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `NAME_UNKNOWN` | `DENIED` | `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>>;

  /** Byte-exact, and verified against its digest. @throws {RegistryError} as {@link resolveManifest} */
  getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Manifest>>;

  /** @throws {RegistryError} `BLOB_UNKNOWN` and the others of {@link resolveManifest} */
  resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>>;

  /**
   * Opens a blob; resolves when its size is known, before its bytes are. The caller closes `source`.
   *
   * @throws {RegistryError} as {@link resolveBlob}
   */
  openBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<OpenBlob>>;

  /** A URL from which a client can fetch the blob directly; undefined, often synchronously, when the blob is served by {@link openBlob}. */
  redirectBlob(
    repository: string,
    digest: Digest,
    request: RedirectRequest,
  ): Promise<Served<RedirectedBlob> | undefined> | undefined;
}

export interface RegistryLister {
  /** In code unit order. @throws {RegistryError} `NAME_UNKNOWN` and the others of {@link RegistryReader.resolveManifest} */
  listTags(repository: string, page: PageRequest, options?: CallOptions): Promise<Served<Page<string>>>;

  /** Empty when there are none. @throws {RegistryError} as {@link listTags} */
  listReferrers(
    repository: string,
    digest: Digest,
    query: ReferrersQuery,
    options?: CallOptions,
  ): Promise<Served<ReferrersPage>>;

  /** The catalog. @throws {RegistryError} `UNSUPPORTED` where there is none */
  listRepositories(page: PageRequest, options?: CallOptions): Promise<Page<string>>;
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

export interface RegistryWriter {
  readonly uploads: UploadWriter;

  /**
   * Byte-exact and atomic: when this resolves, the manifest is in the repository and each of its tags refers to it.
   *
   * @throws {RegistryError} `MANIFEST_INVALID` | `MANIFEST_BLOB_UNKNOWN` with one error for each missing blob | `DIGEST_INVALID` |
   *   `DENIED` by `policy` | `UNSUPPORTED`
   */
  putManifest(repository: string, manifest: PushedManifest, options?: CallOptions): Promise<ManifestPut>;
}

export interface RegistryDeleter {
  /**
   * By digest, with all tags that refer to it; or a tag alone. The bytes stay until garbage collection.
   *
   * @returns the deleted tags
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `UNSUPPORTED` when deletion is off
   */
  deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]>;

  /** The bytes stay until garbage collection. @throws {RegistryError} `BLOB_UNKNOWN` | `UNSUPPORTED` */
  deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void>;
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
  start(repository: string, algorithm: DigestAlgorithm, options?: CallOptions): Promise<UploadSession>;

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` | `BLOB_UPLOAD_INVALID` when `state` is not ours or of another session */
  find(repository: string, upload: UploadReference, options?: CallOptions): Promise<UploadSession>;

  /**
   * What the client sent before it hung up is kept, and it can go on from there.
   *
   * @throws {RegistryError} as {@link find}; `RANGE_INVALID` for a piece that does not come next (the session stays as it is);
   *   `SIZE_INVALID` for a body that is not as long as was said, or too long
   */
  append(repository: string, upload: UploadReference, body: UploadBody, options?: CallOptions): Promise<UploadSession>;

  /**
   * The blob is in the repository afterwards, durably. The session ends in any case but that of a refused body.
   *
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID` when these are not the bytes of the digest
   */
  finish(
    repository: string,
    upload: UploadReference,
    last: UploadBody & { readonly digest: Digest },
    options?: CallOptions,
  ): Promise<Descriptor>;

  /** @throws {RegistryError} as {@link find} */
  cancel(repository: string, upload: UploadReference, options?: CallOptions): Promise<void>;

  /**
   * Makes a blob of another repository part of this one, without a byte sent.
   *
   * @param source.from stored name; undefined: any repository that `mayPull`
   * @returns undefined when there is no such blob to be had: the client sends it
   */
  mount(
    repository: string,
    digest: Digest,
    source: MountSource,
    options?: CallOptions,
  ): Promise<MountedBlob | undefined>;
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
