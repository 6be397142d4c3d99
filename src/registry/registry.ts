import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';
import type { Page, PageRequest } from '../oci/pagination.ts';
import type { ReferrersPage, ReferrersQuery } from '../oci/referrers-page.ts';
import type { Reference } from '../oci/reference.ts';
import type { UploadReference } from '../oci/write-request.ts';
import type { ByteSource } from '../stream/byte-source.ts';

/**
 * Where a response came from; the same words in logs, metrics and `X-Cache`.
 *
 * - `HIT`: from storage, revalidated or not
 * - `MISS`: this request started a fill
 * - `FILL`: this request joined a fill
 * - `STALE`: from storage, as the upstream was unavailable or refused
 * - `BYPASS`: from the upstream, not stored
 */
export type Outcome = 'HIT' | 'MISS' | 'FILL' | 'STALE' | 'BYPASS';

export interface CallOptions {
  /**
   * Ends the call, which then rejects with the signal's reason; work that other callers share continues. An implementation that cannot end a
   * call checks the signal before it starts one.
   */
  readonly signal?: AbortSignal | undefined;
  /** Identity of the client, else its address: for limits that clients share. */
  readonly caller?: string | undefined;
  /** Credentials for the calls to an upstream. Absent: those of any account that is for the repository. */
  readonly login?: UpstreamLogin | undefined;
  /** Work that no client waits for: it may wait until pulls are left, and content is not recorded as used by it. */
  readonly background?: 'sync' | 'warm' | undefined;
  /** For its blobs, until a client waits for them. Absent: that of all such work. */
  readonly bandwidth?: Bandwidth | undefined;
}

/**
 * `account`: its name in the configuration; empty for any account that is for every client. `authorization`: the header of a client, which
 * is sent to the registry itself alone. `anonymous`: no credentials.
 */
export type UpstreamLogin = { readonly account: string } | { readonly authorization: string } | 'anonymous';

/** A limit of bytes per second. */
export interface Bandwidth {
  /** Waits after received bytes. @throws the reason of the signal */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/**
 * A registry: hosted content, an upstream pulled through, a remote registry, or a registry made of another one
 * (allowed names, read-only, limits). An operation that it does not offer rejects with `UNSUPPORTED`.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export interface Registry extends RegistryReader, RegistryLister, RegistryWriter, RegistryDeleter {}

export interface RegistryReader {
  /**
   * The descriptor of a manifest. Downloads the manifest only when it cannot be described otherwise.
   *
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `NAME_UNKNOWN` | `DENIED` | `TOOMANYREQUESTS` | `UNAVAILABLE`
   */
  resolveManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Descriptor>>;

  /** The bytes as they were pushed, verified against their digest. @throws {RegistryError} as {@link resolveManifest} */
  getManifest(repository: string, reference: Reference, options?: CallOptions): Promise<Served<Manifest>>;

  /** @throws {RegistryError} `BLOB_UNKNOWN` and the others of {@link resolveManifest} */
  resolveBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<Descriptor>>;

  /**
   * Opens a blob. Resolves when its size is known, before its bytes are there. The caller closes `source`.
   *
   * @throws {RegistryError} as {@link resolveBlob}
   */
  openBlob(repository: string, digest: Digest, options?: CallOptions): Promise<Served<OpenBlob>>;

  /**
   * A URL from which a client can fetch the blob directly.
   *
   * @returns undefined, often synchronously, when the blob is served by {@link openBlob}
   */
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

  /** The catalog, in code unit order. @throws {RegistryError} `UNSUPPORTED` when there is none */
  listRepositories(page: PageRequest, options?: CallOptions): Promise<Page<string>>;
}

export type Served<T> = T & {
  readonly outcome: Outcome;
  /** Name of the upstream that the content belongs to; absent for hosted content. */
  readonly upstream: string | undefined;
  /** Time spent waiting for the upstream, in milliseconds; absent when it was not queried. */
  readonly upstreamMs?: number;
  /** Not every client gets it: no shared cache may keep the response. @default false */
  readonly isPrivate?: boolean;
  /** Further headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
};

export interface Manifest extends Descriptor {
  readonly bytes: Buffer;
}

/** A client's request for a blob. */
export interface RedirectRequest {
  readonly method: 'GET' | 'HEAD';
  /** IP address; absent when it is unknown, as on a unix socket. */
  readonly clientAddress: string | undefined;
}

export interface RedirectedBlob extends Descriptor {
  /** Signed, valid for a limited time: it must not be logged. */
  readonly url: string;
}

export interface OpenBlob extends Descriptor {
  readonly source: ByteSource;
}

export interface RegistryWriter {
  readonly uploads: UploadWriter;

  /**
   * Stores the bytes as they are. When this resolves, the manifest is in the repository and each of its tags refers to it.
   *
   * @throws {RegistryError} `MANIFEST_INVALID` | `MANIFEST_BLOB_UNKNOWN` with one error for each missing blob | `DIGEST_INVALID` |
   *   `DENIED` for a class of images that is not accepted | `UNSUPPORTED`
   */
  putManifest(repository: string, manifest: PushedManifest, options?: CallOptions): Promise<ManifestPut>;
}

export interface RegistryDeleter {
  /**
   * Deletes a manifest by digest, with all tags that refer to it; or only a tag. The bytes remain until garbage collection.
   *
   * @returns the deleted tags
   * @throws {RegistryError} `MANIFEST_UNKNOWN` | `UNSUPPORTED` when deletion is off
   */
  deleteManifest(repository: string, reference: Reference, options?: CallOptions): Promise<readonly string[]>;

  /** The bytes remain until garbage collection. @throws {RegistryError} `BLOB_UNKNOWN` | `UNSUPPORTED` */
  deleteBlob(repository: string, digest: Digest, options?: CallOptions): Promise<void>;
}

/**
 * Upload sessions: a blob is sent in one or more chunks, to any replica, and is in the repository when the upload is finished.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export interface UploadWriter {
  /** Minimum size of each chunk but the last, in bytes, for `OCI-Chunk-Min-Length`; 0: none. */
  readonly minChunkBytes: number;

  /** @throws {StorageFullError} */
  start(repository: string, algorithm: DigestAlgorithm, options?: CallOptions): Promise<UploadSession>;

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` | `BLOB_UPLOAD_INVALID` when `state` is forged or belongs to another session */
  find(repository: string, upload: UploadReference, options?: CallOptions): Promise<UploadSession>;

  /**
   * Bytes sent before the connection broke are kept, and the client can resume after them.
   *
   * @throws {RegistryError} as {@link find}; `RANGE_INVALID` for a chunk that is not the next one, which leaves the session unchanged;
   *   `SIZE_INVALID` for a body that is shorter or longer than announced, or too large
   */
  append(repository: string, upload: UploadReference, body: UploadBody, options?: CallOptions): Promise<UploadSession>;

  /**
   * Ends the session, unless the body is refused. When this resolves, the blob is in the repository, durably.
   *
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID` when the bytes do not match the digest
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
   * Makes a blob of another repository available in this one, without sending it.
   *
   * @returns undefined when there is no such blob: the client sends it
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
  /** Bytes received so far. */
  readonly size: number;
  /** Signed; part of the session's URL, so that any replica can resume it. */
  readonly state: string;
}

export interface UploadBody {
  /** Each chunk is valid only until the next one is requested, as those of a {@link ByteSource}. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Chunks stay valid, as those of an HTTP request: they can be kept without a copy. @default false */
  readonly areChunksStable?: boolean;
  /** Position of the first byte in the blob, from `Content-Range`; absent when the client did not send one. */
  readonly offset: number | undefined;
  /** Bytes, from `Content-Length`; absent when the client did not send one. */
  readonly length: number | undefined;
}

export interface MountSource {
  /** Stored name; absent: any repository that the client may pull from. */
  readonly from: string | undefined;
  /** @param repository its stored name */
  readonly mayPull: (repository: string) => boolean;
  /** Size of the blob in bytes, when the caller knows it; a remote registry is not queried for it then. */
  readonly size?: number;
}

export interface MountedBlob extends Descriptor {
  /** Stored name. */
  readonly from: string;
}

export interface PushedManifest {
  readonly bytes: Buffer;
  /** The `Content-Type` without parameters; absent when the client did not send one. */
  readonly mediaType: string | undefined;
  /** From the URL. */
  readonly reference: Reference;
  /** Further tags. */
  readonly tags: readonly string[];
}

export interface ManifestPut extends Descriptor {
  /** For `OCI-Subject`; absent when the manifest has none. */
  readonly subject: Digest | undefined;
  readonly references: readonly Descriptor[];
}
